-- Flags that people set, in the order of setting. Parameters: flight_id, instrument_type, revision
SELECT
    variable,
    start_utc,
    end_utc,
    validity,
    reason,
    person,
    set_at_utc,
    qc_run_id
FROM flag_event
WHERE flight_id = %(flight_id)s AND instrument_type = %(instrument_type)s AND revision = %(revision)s
ORDER BY flag_event_id;
