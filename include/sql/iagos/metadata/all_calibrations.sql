-- All calibrations with their corrections, by component and time.
SELECT
    c.calibration_id,
    t.name AS component_type,
    k.serial_no,
    c.calibrated_at,
    c.name,
    c.function,
    c.recorded_at,
    c.created_by,
    c.corrects,
    later.calibration_id AS corrected_by,
    later.calibration_id IS NULL AND c.ended_by IS NOT NULL AS withdrawn
FROM calibration AS c
INNER JOIN component AS k ON c.component_id = k.component_id
INNER JOIN component_type AS t ON k.component_type_id = t.component_type_id
LEFT JOIN calibration AS later ON c.calibration_id = later.corrects
ORDER BY t.name, k.serial_no, c.calibrated_at, c.calibration_id;
