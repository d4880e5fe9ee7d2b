-- Append a record for each attempt that open_ledger began. Reads the temporary table attempt.
-- Parameters: dataset, run_id.
INSERT INTO run_record (dataset, member, partition_key, attempt, run_id, reason, state, started_at)
SELECT
    ledger.dataset,
    ledger.member,
    ledger.partition_key,
    ledger.attempt,
    %(run_id)s,
    attempt.reason,
    'running',
    CURRENT_TIMESTAMP(3)
FROM attempt
INNER JOIN ledger
    ON attempt.member = ledger.member AND attempt.partition_key = ledger.partition_key
WHERE ledger.dataset = %(dataset)s
