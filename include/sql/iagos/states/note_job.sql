-- A job was done. Parameters: job, last_due, missed, run_id
INSERT INTO job_state (job, last_due_utc, missed, run_id)
VALUES (%(job)s, %(last_due)s, %(missed)s, %(run_id)s)
ON DUPLICATE KEY UPDATE
    last_due_utc = VALUES(last_due_utc), -- noqa: LT01
    missed = VALUES(missed), -- noqa: LT01
    run_id = VALUES(run_id); -- noqa: LT01
