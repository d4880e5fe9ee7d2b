-- Note a file of series, in place of an earlier one at the same level and version.
-- Parameters: as the columns; level_name
INSERT INTO series_file (
    flight_id, instrument_type, revision, level, version, path, bytes, sha256, digest, rows_kept, interval_s,
    first_utc, last_utc, process, source_sha256, calibration_ids, calibrations_as_of_utc, software, run_id
) VALUES (
    %(flight_id)s, %(instrument_type)s, %(revision)s, %(level_name)s, %(version)s, %(path)s, %(bytes)s, %(sha256)s,
    %(digest)s, %(rows_kept)s, %(interval_s)s, %(first_utc)s, %(last_utc)s, %(process)s, %(source_sha256)s,
    %(calibration_ids)s, %(calibrations_as_of_utc)s, %(software)s, %(run_id)s
)
ON DUPLICATE KEY UPDATE
    series_file_id = LAST_INSERT_ID(series_file_id),
    path = %(path)s,
    bytes = %(bytes)s,
    sha256 = %(sha256)s,
    digest = %(digest)s,
    rows_kept = %(rows_kept)s,
    interval_s = %(interval_s)s,
    first_utc = %(first_utc)s,
    last_utc = %(last_utc)s,
    process = %(process)s,
    source_sha256 = %(source_sha256)s,
    calibration_ids = %(calibration_ids)s,
    calibrations_as_of_utc = %(calibrations_as_of_utc)s,
    software = %(software)s,
    run_id = %(run_id)s;
