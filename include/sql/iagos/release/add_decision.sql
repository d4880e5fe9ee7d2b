-- A decision, after the file's last step. Parameters: as the columns; level_name, act, role_name, now, remark
INSERT INTO release_decision (
    flight_id, instrument_type, revision, level, action, person, role, at_utc, comment, report_id, data_digest,
    variables, quality, calibrations, step_id, agrees_with, complete, run_id
)
SELECT
    %(flight_id)s,
    %(instrument_type)s,
    %(revision)s,
    %(level_name)s,
    %(act)s,
    %(person)s,
    %(role_name)s,
    %(now)s,
    %(remark)s,
    %(report_id)s,
    %(data_digest)s,
    %(variables)s,
    %(quality)s,
    %(calibrations)s,
    MAX(step_id),
    %(agrees_with)s,
    %(is_complete)s,
    %(run_id)s
FROM flight_state_history
WHERE flight_id = %(flight_id)s AND instrument_type = %(instrument_type)s AND revision = %(revision)s;
