-- Begin an attempt at each partition of the temporary table attempt.
-- Parameters: dataset, run_id.
INSERT INTO ledger (dataset, member, partition_key, state, attempt, run_id)
SELECT
    %(dataset)s,
    member,
    partition_key,
    'running',
    1,
    %(run_id)s
FROM attempt
ON DUPLICATE KEY UPDATE
    state = 'running',
    attempt = ledger.attempt + 1,
    run_id = VALUES(run_id), -- noqa: LT01
    message = NULL -- noqa: CV05
