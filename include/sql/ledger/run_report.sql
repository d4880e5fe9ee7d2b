-- What one run did, from the last attempt that it made at each partition.
-- Parameters: run_id; datasets (list). One row is one dataset that the run touched.
WITH last_attempt AS (
    SELECT
        dataset,
        member,
        partition_key,
        MAX(attempt) AS attempt
    FROM run_record
    WHERE run_id = %(run_id)s AND dataset IN %(datasets)s
    GROUP BY dataset, member, partition_key
)

SELECT
    r.dataset,
    COUNT(DISTINCT CASE WHEN r.state IN ('stored', 'partial') THEN r.member END) AS units,
    COUNT(DISTINCT CASE WHEN r.state IN ('stored', 'partial') THEN r.partition_key END) AS days,
    COALESCE(SUM(r.rows_read), 0) AS rows_read,
    COALESCE(SUM(r.rows_stored), 0) AS rows_stored,
    COALESCE(SUM(r.rows_rejected), 0) AS rows_rejected,
    SUM(r.state IN ('stored', 'partial')) AS stored,
    SUM(r.state = 'empty') AS empty,
    SUM(r.state IN ('failed', 'running', 'interrupted')) AS failed,
    TIMESTAMPDIFF(MICROSECOND, MIN(r.started_at), MAX(COALESCE(r.ended_at, r.started_at))) / 1e6 AS seconds
FROM run_record AS r
INNER JOIN last_attempt USING (dataset, member, partition_key, attempt)
GROUP BY r.dataset
ORDER BY r.dataset
