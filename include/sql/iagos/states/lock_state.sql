-- The state of a file, held until the end of the transaction. Parameters: flight_id, instrument_type, revision
SELECT state
FROM flight_state
WHERE flight_id = %(flight_id)s AND instrument_type = %(instrument_type)s AND revision = %(revision)s
FOR UPDATE;
