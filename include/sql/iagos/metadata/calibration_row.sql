-- A calibration, corrected or not. Parameters: number
SELECT
    c.component_id,
    t.name AS component_type,
    c.recorded_until
FROM calibration AS c
INNER JOIN component AS k ON c.component_id = k.component_id
INNER JOIN component_type AS t ON k.component_type_id = t.component_type_id
WHERE c.calibration_id = %(number)s;
