-- Bring minute_region up to date with the temporary table joined_region; equal rows are not touched.
INSERT INTO minute_region (station, minute_utc, topology, region, events, good)
SELECT
    j.station,
    j.minute_utc,
    j.topology,
    j.region,
    j.events,
    j.good
FROM joined_region AS j
LEFT JOIN minute_region AS t
    ON
        j.station = t.station
        AND j.minute_utc = t.minute_utc
        AND j.topology = t.topology
        AND j.region = t.region
WHERE t.station IS NULL OR t.events <> j.events OR t.good <> j.good
ON DUPLICATE KEY UPDATE
    events = VALUES(events), -- noqa: LT01
    good = VALUES(good) -- noqa: LT01
