-- The present state of the partitions of the temporary table outcome, in the transaction of their data.
-- A failed attempt keeps what is known of the data stored before it.
-- Parameters: dataset, config_digest, code_version.
UPDATE ledger
INNER JOIN outcome
    ON ledger.member = outcome.member AND ledger.partition_key = outcome.partition_key
SET
    ledger.state = outcome.state,
    ledger.message = outcome.message,
    ledger.source_rows = IF(outcome.state = 'failed', ledger.source_rows, outcome.source_rows),
    ledger.source_digest = IF(outcome.state = 'failed', ledger.source_digest, outcome.source_digest),
    ledger.rows_read = IF(outcome.state = 'failed', ledger.rows_read, outcome.rows_read),
    ledger.rows_stored = IF(outcome.state = 'failed', ledger.rows_stored, outcome.rows_stored),
    ledger.rows_rejected = IF(outcome.state = 'failed', ledger.rows_rejected, outcome.rows_rejected),
    ledger.config_digest = IF(outcome.state = 'failed', ledger.config_digest, %(config_digest)s),
    ledger.code_version = IF(outcome.state = 'failed', ledger.code_version, %(code_version)s),
    ledger.stored_at = IF(outcome.state = 'failed', ledger.stored_at, CURRENT_TIMESTAMP(3))
WHERE ledger.dataset = %(dataset)s
