-- A deployment, corrected or not. Parameters: number
SELECT
    d.internal_no,
    t.name AS unit_type,
    d.aircraft_id,
    d.start_at,
    d.end_at,
    d.corrects
FROM deployment AS d
INNER JOIN component AS c ON d.component_id = c.component_id
INNER JOIN component_type AS t ON c.component_type_id = t.component_type_id
WHERE d.deployment_id = %(number)s;
