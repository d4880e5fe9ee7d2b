-- Files of the temporary table waiting were listed now and not taken. Parameters: station, source, now
INSERT INTO source_file (station, source, name, bytes, modified_utc, reason, since_utc, listed_utc)
SELECT
    %(station)s,
    %(source)s,
    name,
    bytes,
    modified_utc,
    reason,
    %(now)s,
    %(now)s
FROM waiting
ON DUPLICATE KEY UPDATE
    since_utc = IF(
        source_file.bytes = VALUES(bytes) AND source_file.modified_utc = VALUES(modified_utc), -- noqa: LT01
        since_utc,
        VALUES(since_utc) -- noqa: LT01
    ),
    bytes = VALUES(bytes), -- noqa: LT01
    modified_utc = VALUES(modified_utc), -- noqa: LT01
    reason = VALUES(reason), -- noqa: LT01
    listed_utc = VALUES(listed_utc); -- noqa: LT01
