-- Calibrations by own hits of a station's reduced files, in order of time. Parameters: station, day (the last UTC day;
-- a week before it is enough to compare with).
SELECT
    c.basename,
    e.begin_utc,
    c.config_digest,
    c.own
FROM calibration AS c
INNER JOIN event_file AS e ON c.file_id = e.file_id
WHERE
    c.station = %(station)s
    AND e.begin_utc >= %(day)s - INTERVAL 7 DAY
    AND e.begin_utc < %(day)s + INTERVAL 1 DAY
ORDER BY e.begin_utc, c.basename
