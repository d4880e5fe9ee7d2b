-- Rows of minute_region that the temporary table joined_region has no more, as the temporary table gone_region.
-- Found without locks: a DELETE by range would wait for the neighbour's rows. Parameters: station, first, last
CREATE TEMPORARY TABLE gone_region AS
SELECT
    t.station,
    t.minute_utc,
    t.topology,
    t.region
FROM minute_region AS t
LEFT JOIN joined_region AS j
    ON
        t.station = j.station
        AND t.minute_utc = j.minute_utc
        AND t.topology = j.topology
        AND t.region = j.region
WHERE
    t.station = %(station)s
    AND t.minute_utc >= %(first)s
    AND t.minute_utc < %(last)s
    AND j.station IS NULL
