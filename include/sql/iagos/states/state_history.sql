-- All steps of a file. Parameters: flight_id, instrument_type, revision
SELECT
    from_state,
    to_state,
    at_utc,
    actor,
    reason,
    run_id
FROM flight_state_history
WHERE flight_id = %(flight_id)s AND instrument_type = %(instrument_type)s AND revision = %(revision)s
ORDER BY step_id;
