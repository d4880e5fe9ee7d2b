-- What the data of a report were made with, and which variables they have. Parameters: report_id, data_level
SELECT
    f.calibration_ids,
    f.software,
    f.source_sha256,
    CONCAT(q.config_name, ' version ', q.config_version) AS quality,
    d.variable
FROM report AS r
INNER JOIN qc_run AS q ON r.qc_run_id = q.qc_run_id
INNER JOIN series_file AS f
    ON
        r.flight_id = f.flight_id
        AND r.instrument_type = f.instrument_type
        AND r.revision = f.revision
        AND f.level = %(data_level)s
        AND f.version = ''
INNER JOIN data_series AS d ON f.series_file_id = d.series_file_id
WHERE r.report_id = %(report_id)s
ORDER BY d.variable;
