-- What must be loaded, and why.
-- Reads the temporary tables plan_expected (what should be, beside what the source holds) and
-- plan_present (what the destination holds), made by ledger.plan.
-- Parameters: dataset, config_digest, everything (take unchanged partitions too),
--             backfill_from (partitions from this key on are taken whatever their state).
-- One row is a partition that is expected and not simply as it should be.
WITH compared AS (
    SELECT
        expected.member,
        expected.partition_key,
        COALESCE(expected.source_rows, 0) AS source_rows,
        COALESCE(expected.source_digest, '') AS source_digest,
        ledger.state,
        CASE
            WHEN ledger.state IS NULL OR ledger.state = 'expected' THEN 'new'
            WHEN ledger.state = 'failed' THEN 'failed'
            WHEN ledger.state = 'running' THEN 'interrupted'
            -- counts of other quantities cannot be compared
            WHEN ledger.config_digest <> %(config_digest)s THEN 'config changed'
            WHEN
                expected.source_rows <> ledger.source_rows
                OR expected.source_digest <> ledger.source_digest THEN 'source changed'
            WHEN COALESCE(present.rows_present, 0) <> ledger.rows_stored THEN 'destination changed'
            WHEN ledger.state = 'stale' THEN 'marked stale'
            WHEN
                %(everything)s OR expected.partition_key >= %(backfill_from)s THEN 'requested'
        END AS reason
    FROM plan_expected AS expected
    LEFT JOIN plan_present AS present
        ON expected.member = present.member AND expected.partition_key = present.partition_key
    LEFT JOIN ledger
        ON
            expected.member = ledger.member
            AND expected.partition_key = ledger.partition_key
            AND ledger.dataset = %(dataset)s
)

SELECT
    member,
    partition_key,
    reason,
    source_rows,
    source_digest
FROM compared
WHERE
    reason IS NOT NULL
    -- nothing at the source: said once, and what is stored stays when the source forgets
    AND (source_rows > 0 OR state IS NULL OR state IN ('expected', 'running', 'failed'))
ORDER BY member, partition_key
