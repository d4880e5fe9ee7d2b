-- Deployed components of a type on an aircraft at a time. Parameters: aircraft_id, unit_type, at, as_of
SELECT
    d.internal_no,
    d.component_id,
    c.serial_no
FROM deployment AS d
INNER JOIN component AS c ON d.component_id = c.component_id
INNER JOIN component_type AS t ON c.component_type_id = t.component_type_id
WHERE
    d.aircraft_id = %(aircraft_id)s
    AND t.name = %(unit_type)s
    AND d.start_at <= %(at)s
    AND d.end_at > %(at)s
    AND d.recorded_at <= %(as_of)s
    AND d.recorded_until > %(as_of)s
ORDER BY d.internal_no;
