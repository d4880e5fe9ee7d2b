-- The first copy of a file. Parameter: file_id
SELECT
    file_id,
    basename
FROM raw_file
WHERE duplicate_of = %(file_id)s
ORDER BY file_id
LIMIT 1;
