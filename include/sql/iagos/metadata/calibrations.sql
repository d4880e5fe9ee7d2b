-- Calibrations of components with their parameters, one row per parameter. Parameters: component_ids (by commas), as_of
SELECT
    c.calibration_id,
    c.component_id,
    k.serial_no,
    c.calibrated_at,
    c.function,
    c.name,
    c.description,
    c.recorded_at,
    p.name AS parameter,
    p.value,
    p.uncertainty
FROM calibration AS c
INNER JOIN component AS k ON c.component_id = k.component_id
INNER JOIN calibration_parameter AS p ON c.calibration_id = p.calibration_id
WHERE
    FIND_IN_SET(c.component_id, %(component_ids)s)
    AND c.recorded_at <= %(as_of)s
    AND c.recorded_until > %(as_of)s
ORDER BY c.calibrated_at, c.calibration_id, p.name;
