-- A registered file and the number of its deliveries with different bytes. Parameters: station, basename
SELECT
    f.file_id,
    f.state,
    f.bytes,
    f.sha256,
    f.raw_path,
    MAX(d.delivery) AS deliveries
FROM raw_file AS f
INNER JOIN raw_delivery AS d ON f.file_id = d.file_id
WHERE f.station = %(station)s AND f.basename = %(basename)s
GROUP BY f.file_id, f.state, f.bytes, f.sha256, f.raw_path;
