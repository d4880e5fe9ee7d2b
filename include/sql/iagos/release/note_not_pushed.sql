-- A delivery failed. Parameters: product_id, refused (whether the data centre will not take it as it is), message,
-- run_id
UPDATE product
SET
    state = IF(%(refused)s, 'failed', 'written'),
    tries = tries + 1,
    message = %(message)s,
    run_id = %(run_id)s
WHERE product_id = %(product_id)s AND state IN ('written', 'failed');
