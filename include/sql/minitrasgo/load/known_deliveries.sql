-- What a station's sources have delivered of the names in the temporary table listed: the last delivery of each, and
-- the file it became. One row: one file, by one name at one source. Parameter: station
WITH latest AS (
    SELECT MAX(d.delivery_id) AS delivery_id
    FROM listed
    INNER JOIN raw_file AS f ON listed.basename = f.basename AND f.station = %(station)s
    INNER JOIN raw_delivery AS d ON f.file_id = d.file_id
    GROUP BY d.file_id, d.source, d.source_name
)

SELECT
    d.source,
    d.source_name,
    d.source_bytes,
    TIMESTAMPDIFF(SECOND, '1970-01-01', d.source_modified_utc) AS source_modified_s,
    f.basename,
    f.state,
    f.raw_path
FROM latest
INNER JOIN raw_delivery AS d ON latest.delivery_id = d.delivery_id
INNER JOIN raw_file AS f ON d.file_id = f.file_id
ORDER BY d.delivery_id;
