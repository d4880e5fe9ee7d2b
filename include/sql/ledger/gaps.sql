-- What is not simply stored: runs of neighbouring partitions of one member in one state for one reason.
-- Parameters: dataset (prefix), first and last partition key.
-- One row is such a run.
WITH numbered AS (
    SELECT
        dataset,
        member,
        partition_key,
        state,
        COALESCE(message, '') AS reason,
        ROW_NUMBER() OVER (PARTITION BY dataset, member ORDER BY partition_key) AS place
    FROM ledger
    WHERE
        dataset LIKE CONCAT(%(dataset)s, '%%')
        AND partition_key BETWEEN %(first)s AND %(last)s
),

grouped AS (
    SELECT
        dataset,
        member,
        partition_key,
        state,
        reason,
        place - ROW_NUMBER() OVER (
            PARTITION BY dataset, member, state, reason ORDER BY partition_key
        ) AS run
    FROM numbered
    WHERE state <> 'stored'
)

SELECT
    dataset,
    member,
    state,
    MIN(partition_key) AS first_key,
    MAX(partition_key) AS last_key,
    COUNT(*) AS partitions,
    reason
FROM grouped
GROUP BY dataset, member, state, reason, run
ORDER BY dataset, member, first_key
