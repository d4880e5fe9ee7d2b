-- A new file. Parameters: flight_id, instrument_type, revision, from_state, to_state, now, actor, reason, run_id
INSERT INTO flight_state (
    flight_id, instrument_type, revision, state, previous_state, since_utc, actor, reason, run_id
)
VALUES (
    %(flight_id)s,
    %(instrument_type)s,
    %(revision)s,
    %(to_state)s,
    %(from_state)s,
    %(now)s,
    %(actor)s,
    %(reason)s,
    %(run_id)s
);
