-- A flag that a person sets; the newest verdict on the file holds the old flags.
-- Parameters: flight_id, instrument_type, revision, variable, start_utc, end_utc, validity, reason, person, now
INSERT INTO flag_event (
    flight_id, instrument_type, revision, variable, start_utc, end_utc, validity, reason, person, set_at_utc, qc_run_id
)
SELECT
    %(flight_id)s,
    %(instrument_type)s,
    %(revision)s,
    %(variable)s,
    %(start_utc)s,
    %(end_utc)s,
    %(validity)s,
    %(reason)s,
    %(person)s,
    %(now)s,
    MAX(qc_run_id)
FROM qc_run
WHERE flight_id = %(flight_id)s AND instrument_type = %(instrument_type)s AND revision = %(revision)s;
