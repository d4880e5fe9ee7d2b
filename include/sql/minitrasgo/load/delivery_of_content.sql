-- The first delivery of a file with these bytes. Parameters: file_id, sha256
SELECT
    delivery,
    raw_path
FROM raw_delivery
WHERE file_id = %(file_id)s AND sha256 = %(sha256)s
ORDER BY delivery_id
LIMIT 1;
