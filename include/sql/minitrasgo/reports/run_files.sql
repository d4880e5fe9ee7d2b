-- What one run did per file. Parameters: run_id, dataset. One row: one plane of one file that the run tried to reduce,
-- with the last attempt it made; one row without plane for a file of which nothing is stored.
WITH last_attempt AS (
    SELECT
        member,
        partition_key,
        MAX(attempt) AS attempt
    FROM run_record
    WHERE run_id = %(run_id)s AND dataset = %(dataset)s
    GROUP BY member, partition_key
)

SELECT
    a.member AS station,
    a.partition_key AS basename,
    r.state,
    COALESCE(e.events, 0) AS events,
    COALESCE(e.rejected, 0) AS rejected,
    e.trigger_rate_hz,
    e.trigger_rate_error_hz,
    c.status AS calibration,
    COALESCE(r.message, '') AS message,
    p.plane,
    p.telescope_efficiency,
    p.telescope_efficiency_error
FROM last_attempt AS a
INNER JOIN run_record AS r
    ON
        r.dataset = %(dataset)s
        AND a.member = r.member
        AND a.partition_key = r.partition_key
        AND a.attempt = r.attempt
LEFT JOIN event_file AS e ON a.member = e.station AND a.partition_key = e.basename
LEFT JOIN calibration AS c ON e.file_id = c.file_id
LEFT JOIN event_file_plane AS p ON e.file_id = p.file_id
ORDER BY a.member, a.partition_key, p.plane
