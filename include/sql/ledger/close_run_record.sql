-- Close the running attempts of the temporary table outcome.
-- Parameters: dataset, config_digest, code_version.
UPDATE run_record
INNER JOIN outcome
    ON run_record.member = outcome.member AND run_record.partition_key = outcome.partition_key
INNER JOIN ledger
    ON
        run_record.dataset = ledger.dataset
        AND run_record.member = ledger.member
        AND run_record.partition_key = ledger.partition_key
        AND run_record.attempt = ledger.attempt
SET
    run_record.state = outcome.state,
    run_record.ended_at = CURRENT_TIMESTAMP(3),
    run_record.source_rows = outcome.source_rows,
    run_record.source_digest = outcome.source_digest,
    run_record.rows_read = outcome.rows_read,
    run_record.rows_stored = outcome.rows_stored,
    run_record.rows_rejected = outcome.rows_rejected,
    run_record.config_digest = %(config_digest)s,
    run_record.code_version = %(code_version)s,
    run_record.message = outcome.message
WHERE run_record.dataset = %(dataset)s AND run_record.state = 'running'
