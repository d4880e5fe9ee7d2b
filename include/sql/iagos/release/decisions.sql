-- Decisions about a file in their order; `current` are those after which nothing happened to it.
-- Parameters: flight_id, instrument_type, revision, level_name (NULL: all)
SELECT
    d.decision_id,
    d.level,
    d.action,
    d.person,
    d.role,
    d.at_utc,
    d.comment,
    d.data_digest,
    d.variables,
    d.quality,
    d.calibrations,
    d.agrees_with,
    d.complete,
    d.step_id = (
        SELECT MAX(h.step_id)
        FROM flight_state_history AS h
        WHERE
            h.flight_id = d.flight_id
            AND h.instrument_type = d.instrument_type
            AND h.revision = d.revision
    ) AS is_current
FROM release_decision AS d
WHERE
    d.flight_id = %(flight_id)s
    AND d.instrument_type = %(instrument_type)s
    AND d.revision = %(revision)s
    AND (%(level_name)s IS NULL OR d.level = %(level_name)s)
ORDER BY d.decision_id;
