-- The data centre has a product. Parameters: product_id, now, run_id
UPDATE product
SET
    state = 'pushed',
    message = '',
    pushed_at_utc = %(now)s,
    run_id = %(run_id)s
WHERE product_id = %(product_id)s AND state IN ('written', 'failed');
