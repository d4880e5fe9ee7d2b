-- What a component is built into during a time. Parameters: component_id, start_at, end_at
SELECT
    t.name AS component_type,
    c.serial_no,
    r.installed_at,
    r.removed_at
FROM component_relation AS r
INNER JOIN component AS c ON r.parent_id = c.component_id
INNER JOIN component_type AS t ON c.component_type_id = t.component_type_id
WHERE
    r.component_id = %(component_id)s
    AND r.installed_at < %(end_at)s
    AND r.removed_at > %(start_at)s
    AND r.recorded_until = '9999-12-31';
