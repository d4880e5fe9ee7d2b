-- All products of a delivery are withdrawn. Parameters: flight_id, instrument_type, revision, run_id
UPDATE product
SET
    state = 'withdrawn',
    run_id = %(run_id)s
WHERE flight_id = %(flight_id)s AND instrument_type = %(instrument_type)s AND revision = %(revision)s;
