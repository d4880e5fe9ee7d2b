-- NRT products of a delivery that were never written, but for one, are given up.
-- Parameters: flight_id, instrument_type, revision, product_id, run_id
UPDATE product
SET
    state = 'withdrawn',
    run_id = %(run_id)s
WHERE
    flight_id = %(flight_id)s
    AND instrument_type = %(instrument_type)s
    AND revision = %(revision)s
    AND level = 'NRT'
    AND state = 'pending'
    AND product_id != %(product_id)s;
