-- Partitions of a dataset of which a run has stored something.
-- Parameters: run_id; dataset. One row is one partition key.
SELECT DISTINCT partition_key
FROM run_record
WHERE run_id = %(run_id)s AND dataset = %(dataset)s AND state IN ('stored', 'partial')
ORDER BY partition_key
