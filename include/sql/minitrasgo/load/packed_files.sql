-- Files that wait to be unpacked, with their last delivery. One row: one file. Parameter: station
SELECT
    f.raw_path,
    d.source,
    d.source_name
FROM raw_file AS f
INNER JOIN raw_delivery AS d ON f.file_id = d.file_id AND f.delivery = d.delivery
WHERE
    f.station = %(station)s
    AND f.state = 'packed'
    AND d.delivery_id = (
        SELECT MAX(e.delivery_id) FROM raw_delivery AS e
        WHERE e.file_id = f.file_id AND e.delivery = f.delivery
    )
ORDER BY f.begin_utc, f.basename;
