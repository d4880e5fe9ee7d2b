-- Verdicts on a file: those of a level and an output digest (NULL: all), newest first.
-- Parameters: flight_id, instrument_type, revision, data_level, output_digest
SELECT
    qc_run_id,
    data_level,
    config_name,
    config_version,
    input_digest,
    output_digest,
    data_digest,
    path,
    sha256,
    made_at_utc
FROM qc_run
WHERE
    flight_id = %(flight_id)s
    AND instrument_type = %(instrument_type)s
    AND revision = %(revision)s
    AND (%(data_level)s IS NULL OR data_level = %(data_level)s)
    AND (%(output_digest)s IS NULL OR output_digest = %(output_digest)s)
ORDER BY qc_run_id DESC;
