-- Keep the records of the temporary table rejected, with the attempt that met them.
-- Parameters: dataset.
INSERT INTO rejected_record (dataset, member, partition_key, record_key, source, reason, raw, attempt)
SELECT
    ledger.dataset,
    rejected.member,
    rejected.partition_key,
    rejected.record_key,
    rejected.source,
    rejected.reason,
    rejected.raw,
    ledger.attempt
FROM rejected
INNER JOIN ledger
    ON rejected.member = ledger.member AND rejected.partition_key = ledger.partition_key
WHERE ledger.dataset = %(dataset)s
