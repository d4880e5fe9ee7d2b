-- A step. Parameters: flight_id, instrument_type, revision, from_state, to_state, now, actor, reason, run_id
UPDATE flight_state
SET
    previous_state = %(from_state)s,
    state = %(to_state)s,
    since_utc = %(now)s,
    actor = %(actor)s,
    reason = %(reason)s,
    run_id = %(run_id)s
WHERE flight_id = %(flight_id)s AND instrument_type = %(instrument_type)s AND revision = %(revision)s;
