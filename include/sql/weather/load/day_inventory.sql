-- What the files of a station hold day by day, copies left out. One row: one day of the logger's clock.
-- The digest changes when a part of a day changes, comes or goes. Parameters: station, first_day, last_day
SELECT
    d.`day`,
    COUNT(*) AS files,
    CAST(SUM(d.rows_read - d.rows_rejected) AS UNSIGNED) AS n_rows,
    MAX(d.last_logger_time) AS last_logger_time,
    SHA2(GROUP_CONCAT(f.name, ' ', d.sha256 ORDER BY f.name, d.sha256 SEPARATOR '\n'), 256) AS digest
FROM logger_file AS f
INNER JOIN logger_file_day AS d ON f.file_id = d.file_id
WHERE
    f.station = %(station)s
    AND f.state = 'registered'
    AND f.duplicate_of IS NULL
    AND d.`day` BETWEEN %(first_day)s AND %(last_day)s
GROUP BY d.`day`
ORDER BY d.`day`;
