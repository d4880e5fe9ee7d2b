-- Minutes of a day, added up over the files of the temporary table day_file. One row: one minute.
-- Parameters: first (included), last (excluded)
WITH counted AS (
    SELECT
        c.file_id,
        c.minute_utc,
        SUM(c.events) AS tracks,
        SUM(c.good) AS good,
        SUM(IF(c.topology = 12, c.events, 0)) AS n_12,
        SUM(IF(c.topology = 13, c.events, 0)) AS n_13,
        SUM(IF(c.topology = 14, c.events, 0)) AS n_14,
        SUM(IF(c.topology = 23, c.events, 0)) AS n_23,
        SUM(IF(c.topology = 24, c.events, 0)) AS n_24,
        SUM(IF(c.topology = 34, c.events, 0)) AS n_34,
        SUM(IF(c.topology = 123, c.events, 0)) AS n_123,
        SUM(IF(c.topology = 124, c.events, 0)) AS n_124,
        SUM(IF(c.topology = 134, c.events, 0)) AS n_134,
        SUM(IF(c.topology = 234, c.events, 0)) AS n_234,
        SUM(IF(c.topology = 1234, c.events, 0)) AS n_1234
    FROM day_file AS d
    INNER JOIN file_minute_count AS c ON d.file_id = c.file_id
    WHERE c.minute_utc >= %(first)s AND c.minute_utc < %(last)s
    GROUP BY c.file_id, c.minute_utc
)

SELECT
    m.minute_utc,
    SUM(m.live_s) AS live_s,
    COUNT(*) AS sources,
    CAST(SUM(m.triggers) AS UNSIGNED) AS triggers,
    CAST(COALESCE(SUM(n.tracks), 0) AS UNSIGNED) AS tracks,
    CAST(COALESCE(SUM(n.good), 0) AS UNSIGNED) AS good,
    CAST(COALESCE(SUM(n.n_12), 0) AS UNSIGNED) AS n_12,
    CAST(COALESCE(SUM(n.n_13), 0) AS UNSIGNED) AS n_13,
    CAST(COALESCE(SUM(n.n_14), 0) AS UNSIGNED) AS n_14,
    CAST(COALESCE(SUM(n.n_23), 0) AS UNSIGNED) AS n_23,
    CAST(COALESCE(SUM(n.n_24), 0) AS UNSIGNED) AS n_24,
    CAST(COALESCE(SUM(n.n_34), 0) AS UNSIGNED) AS n_34,
    CAST(COALESCE(SUM(n.n_123), 0) AS UNSIGNED) AS n_123,
    CAST(COALESCE(SUM(n.n_124), 0) AS UNSIGNED) AS n_124,
    CAST(COALESCE(SUM(n.n_134), 0) AS UNSIGNED) AS n_134,
    CAST(COALESCE(SUM(n.n_234), 0) AS UNSIGNED) AS n_234,
    CAST(COALESCE(SUM(n.n_1234), 0) AS UNSIGNED) AS n_1234
FROM day_file AS d
INNER JOIN file_minute AS m ON d.file_id = m.file_id
LEFT JOIN counted AS n ON m.file_id = n.file_id AND m.minute_utc = n.minute_utc
WHERE m.minute_utc >= %(first)s AND m.minute_utc < %(last)s
GROUP BY m.minute_utc
ORDER BY m.minute_utc
