-- Reports on a file, newest first, with what is here now of what they judged.
-- Parameters: flight_id, instrument_type, revision, level_name, data_level, report_id (NULL: all)
SELECT
    r.report_id,
    r.qc_run_id,
    r.data_digest,
    r.page,
    r.title,
    r.summary,
    r.suggestion,
    r.least_available,
    r.availability,
    r.critical,
    r.made_at_utc,
    CONCAT(q.config_name, ' version ', q.config_version) AS quality,
    s.state = CONCAT('AWAITING_', r.level) AS waits,
    r.series_digest <=> f.digest AND r.flags_by_hand = (
        SELECT COUNT(*)
        FROM flag_event AS e
        WHERE
            e.flight_id = r.flight_id
            AND e.instrument_type = r.instrument_type
            AND e.revision = r.revision
    ) AS up_to_date
FROM report AS r
INNER JOIN flight_state AS s
    ON r.flight_id = s.flight_id AND r.instrument_type = s.instrument_type AND r.revision = s.revision
INNER JOIN qc_run AS q ON r.qc_run_id = q.qc_run_id
LEFT JOIN series_file AS f
    ON
        r.flight_id = f.flight_id
        AND r.instrument_type = f.instrument_type
        AND r.revision = f.revision
        AND f.level = %(data_level)s
        AND f.version = ''
WHERE
    r.flight_id = %(flight_id)s
    AND r.instrument_type = %(instrument_type)s
    AND r.revision = %(revision)s
    AND r.level = %(level_name)s
    AND (%(report_id)s IS NULL OR r.report_id = %(report_id)s)
ORDER BY r.report_id DESC;
