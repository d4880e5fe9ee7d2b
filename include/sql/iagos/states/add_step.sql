-- A step into the history.
-- Parameters: flight_id, instrument_type, revision, from_state, to_state, now, actor, reason, run_id
INSERT INTO flight_state_history (
    flight_id, instrument_type, revision, from_state, to_state, at_utc, actor, reason, run_id
)
VALUES (
    %(flight_id)s,
    %(instrument_type)s,
    %(revision)s,
    %(from_state)s,
    %(to_state)s,
    %(now)s,
    %(actor)s,
    %(reason)s,
    %(run_id)s
);
