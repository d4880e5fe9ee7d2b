-- Attempts that a crash left open end as interrupted. Reads the temporary table attempt.
-- The caller holds the members' locks, so nobody else is working on them.
-- Parameters: dataset.
UPDATE run_record
INNER JOIN attempt
    ON run_record.member = attempt.member AND run_record.partition_key = attempt.partition_key
SET
    run_record.state = 'interrupted',
    run_record.ended_at = CURRENT_TIMESTAMP(3),
    run_record.message = 'the run ended without a word: killed, or its connection lost'
WHERE run_record.dataset = %(dataset)s AND run_record.state = 'running'
