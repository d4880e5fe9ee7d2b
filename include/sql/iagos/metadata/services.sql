-- When a component was deployed, by itself or inside others. One row is a deployment and the time for which the
-- component belonged to what was deployed. Parameters: component_id, as_of
WITH RECURSIVE up AS (
    SELECT
        component_id AS top_id,
        CAST('1000-01-01' AS DATETIME) AS begin_at,
        CAST('9999-12-31' AS DATETIME) AS end_at
    FROM component
    WHERE component_id = %(component_id)s
    UNION ALL
    SELECT
        r.parent_id,
        GREATEST(up.begin_at, r.installed_at),
        LEAST(up.end_at, r.removed_at)
    FROM up
    INNER JOIN component_relation AS r
        ON
            up.top_id = r.component_id
            AND up.end_at > r.installed_at
            AND up.begin_at < r.removed_at
    WHERE r.recorded_at <= %(as_of)s AND r.recorded_until > %(as_of)s
)

SELECT
    d.deployment_id,
    d.internal_no,
    t.name AS unit_type,
    d.aircraft_id,
    GREATEST(up.begin_at, d.start_at) AS begin_at,
    LEAST(up.end_at, d.end_at) AS end_at
FROM up
INNER JOIN deployment AS d
    ON
        up.top_id = d.component_id
        AND up.end_at > d.start_at
        AND up.begin_at < d.end_at
INNER JOIN component AS c ON d.component_id = c.component_id
INNER JOIN component_type AS t ON c.component_type_id = t.component_type_id
WHERE d.recorded_at <= %(as_of)s AND d.recorded_until > %(as_of)s
ORDER BY begin_at, d.deployment_id;
