-- Versions of products, oldest first. Parameters, NULL for all: flight_id, instrument_type, level_name,
-- among (states, by commas)
SELECT
    product_id,
    flight_id,
    instrument_type,
    revision,
    level,
    version_x,
    version_y,
    version_z,
    report_id,
    data_digest,
    decision_id,
    made_with,
    reason,
    diff_summary,
    superseded_by,
    state,
    netcdf_path,
    netcdf_sha256,
    nasa_ames_path,
    nasa_ames_sha256,
    tries,
    message,
    released_at_utc
FROM product
WHERE
    (%(flight_id)s IS NULL OR flight_id = %(flight_id)s)
    AND (%(instrument_type)s IS NULL OR instrument_type = %(instrument_type)s)
    AND (%(level_name)s IS NULL OR level = %(level_name)s)
    AND (%(among)s IS NULL OR FIND_IN_SET(state, %(among)s))
ORDER BY flight_id, instrument_type, level, version_x, version_y, version_z;
