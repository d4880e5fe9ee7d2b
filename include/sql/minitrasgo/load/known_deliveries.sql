-- What a station's sources have delivered: the last delivery of each name there, and the file it became.
-- One row: one file, by one name at one source. Parameter: station
WITH latest AS (
    SELECT MAX(d.delivery_id) AS delivery_id
    FROM raw_delivery AS d
    INNER JOIN raw_file AS f ON d.file_id = f.file_id
    WHERE f.station = %(station)s
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
