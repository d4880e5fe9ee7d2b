-- How many partitions are in which state.
-- Parameters: dataset (prefix), first and last partition key.
-- One row is a dataset and a state.
SELECT
    dataset,
    state,
    COUNT(*) AS partitions,
    COUNT(DISTINCT member) AS members,
    SUM(rows_stored) AS rows_stored,
    SUM(rows_rejected) AS rows_rejected,
    MIN(partition_key) AS first_key,
    MAX(partition_key) AS last_key
FROM ledger
WHERE
    dataset LIKE CONCAT(%(dataset)s, '%%')
    AND partition_key BETWEEN %(first)s AND %(last)s
GROUP BY dataset, state
ORDER BY dataset, state
