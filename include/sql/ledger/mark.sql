-- Write a plan down before it is worked on. Reads the temporary table attempt.
-- New partitions become expected; stored ones that are out of date become stale, with the reason.
-- Parameters: dataset.
INSERT INTO ledger (dataset, member, partition_key, state, message)
SELECT
    %(dataset)s,
    member,
    partition_key,
    'expected',
    reason
FROM attempt
WHERE reason <> 'requested'
ON DUPLICATE KEY UPDATE
    message = IF(state IN ('stored', 'partial', 'empty'), VALUES(message), ledger.message), -- noqa: LT01
    state = IF(state IN ('stored', 'partial', 'empty'), 'stale', ledger.state)
