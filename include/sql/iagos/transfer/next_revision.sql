-- Number of the next delivery of a flight. Parameters: flight_id, instrument_type
SELECT COALESCE(MAX(revision), 0) + 1
FROM flight_state
WHERE flight_id = %(flight_id)s AND instrument_type = %(instrument_type)s;
