-- Tracks per minute, topology and region, added up over the files of the temporary table day_file, into the temporary
-- table joined_region. Parameters: station, first (included), last (excluded)
INSERT INTO joined_region (station, minute_utc, topology, region, events, good)
SELECT
    %(station)s,
    c.minute_utc,
    c.topology,
    c.region,
    SUM(c.events),
    SUM(c.good)
FROM day_file AS d
INNER JOIN file_minute_count AS c ON d.file_id = c.file_id
WHERE c.minute_utc >= %(first)s AND c.minute_utc < %(last)s
GROUP BY c.minute_utc, c.topology, c.region
