-- Since when each source of each station is silent, and what waits there. One row: one source
SELECT
    c.station,
    c.source,
    c.last_ok_utc,
    c.failing_since_utc,
    c.message,
    COUNT(w.name) AS waiting,
    MIN(w.since_utc) AS waiting_since_utc
FROM station_contact AS c
LEFT JOIN source_file AS w ON c.station = w.station AND c.source = w.source
GROUP BY c.station, c.source, c.last_ok_utc, c.failing_since_utc, c.message
ORDER BY c.station ASC, c.source DESC;
