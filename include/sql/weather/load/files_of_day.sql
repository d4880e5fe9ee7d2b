-- Files that hold rows of these days, copies left out, in the order in which they came. One row: one file.
-- Parameters: station, days
SELECT
    f.name,
    f.raw_path,
    f.sha256,
    f.bytes
FROM logger_file AS f
INNER JOIN logger_file_day AS d ON f.file_id = d.file_id
WHERE
    f.station = %(station)s
    AND f.state = 'registered'
    AND f.duplicate_of IS NULL
    AND d.`day` IN %(days)s
GROUP BY f.file_id, f.name, f.raw_path, f.sha256, f.bytes
ORDER BY f.file_id;
