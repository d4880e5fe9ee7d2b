-- A component and all that was built into it at a time. One row is a component. Parameters: component_id, at, as_of
WITH RECURSIVE down AS (
    SELECT
        component_id,
        CAST(NULL AS UNSIGNED) AS parent_id
    FROM component
    WHERE component_id = %(component_id)s
    UNION ALL
    SELECT
        r.component_id,
        r.parent_id
    FROM down
    INNER JOIN component_relation AS r ON down.component_id = r.parent_id
    WHERE
        r.installed_at <= %(at)s
        AND r.removed_at > %(at)s
        AND r.recorded_at <= %(as_of)s
        AND r.recorded_until > %(as_of)s
)

SELECT
    down.component_id,
    down.parent_id,
    t.name AS component_type,
    c.serial_no
FROM down
INNER JOIN component AS c ON down.component_id = c.component_id
INNER JOIN component_type AS t ON c.component_type_id = t.component_type_id
ORDER BY t.name, c.serial_no;
