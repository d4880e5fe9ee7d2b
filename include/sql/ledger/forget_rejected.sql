-- Forget earlier rejects of the partitions of the temporary table outcome that were read again.
-- Parameters: dataset.
DELETE rejected_record FROM rejected_record
INNER JOIN outcome
    ON
        rejected_record.member = outcome.member
        AND rejected_record.partition_key = outcome.partition_key
WHERE rejected_record.dataset = %(dataset)s AND outcome.state <> 'failed'
