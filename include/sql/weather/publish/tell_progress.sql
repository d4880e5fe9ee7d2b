-- Say in the ledger how far the running attempt at a partition is.
-- Parameters: dataset, member, partition_key, message.
UPDATE ledger
SET message = %(message)s
WHERE
    dataset = %(dataset)s
    AND member = %(member)s
    AND partition_key = %(partition_key)s
    AND state = 'running'
