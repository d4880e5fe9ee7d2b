-- When jobs ran last
SELECT
    job,
    last_due_utc,
    missed
FROM job_state
ORDER BY job;
