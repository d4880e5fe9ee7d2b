-- A file of series. Parameters: flight_id, instrument_type, revision, level_name, version
SELECT
    path,
    sha256,
    digest,
    bytes,
    calibrations_as_of_utc
FROM series_file
WHERE
    flight_id = %(flight_id)s
    AND instrument_type = %(instrument_type)s
    AND revision = %(revision)s
    AND level = %(level_name)s
    AND version = %(version)s;
