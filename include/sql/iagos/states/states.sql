-- What files are. Parameters: flight_id and instrument_type (NULL: all), among (states, by commas; NULL: all)
SELECT
    flight_id,
    instrument_type,
    revision,
    state,
    since_utc,
    actor,
    reason,
    run_id
FROM flight_state
WHERE
    (%(flight_id)s IS NULL OR flight_id = %(flight_id)s)
    AND (%(instrument_type)s IS NULL OR instrument_type = %(instrument_type)s)
    AND (%(among)s IS NULL OR FIND_IN_SET(state, %(among)s))
ORDER BY flight_id, instrument_type, revision;
