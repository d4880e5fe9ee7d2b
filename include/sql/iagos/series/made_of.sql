-- Everything that is kept of a flight file, with what it was made of; no product: it was not released.
-- Parameters: flight_id, instrument_type, revision
SELECT
    f.level,
    f.version,
    f.digest,
    f.calibrations_as_of_utc,
    p.product_id,
    q.config_name,
    q.config_version,
    r.flags_by_hand
FROM series_file AS f
LEFT JOIN product AS p
    ON
        f.flight_id = p.flight_id
        AND f.instrument_type = p.instrument_type
        AND f.level = p.level
        AND f.version = CONCAT_WS('.', p.version_x, p.version_y, p.version_z)
LEFT JOIN report AS r ON p.report_id = r.report_id
LEFT JOIN qc_run AS q ON r.qc_run_id = q.qc_run_id
WHERE f.flight_id = %(flight_id)s AND f.instrument_type = %(instrument_type)s AND f.revision = %(revision)s
ORDER BY f.series_file_id;
