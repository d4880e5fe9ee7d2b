-- Calibrations that unreleased series of a level were made with. Parameters: flight_id, instrument_type, revision,
-- level_name
SELECT calibration_ids
FROM series_file
WHERE
    flight_id = %(flight_id)s
    AND instrument_type = %(instrument_type)s
    AND revision = %(revision)s
    AND level = %(level_name)s
    AND version = '';
