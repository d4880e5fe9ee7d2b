-- How often a component is among those above another one (or is that one) at any moment of a time.
-- Parameters: component_id, parent_id, installed_at, removed_at
WITH RECURSIVE up AS (
    SELECT
        component_id AS top_id,
        CAST(%(installed_at)s AS DATETIME) AS begin_at,
        CAST(%(removed_at)s AS DATETIME) AS end_at
    FROM component
    WHERE component_id = %(parent_id)s
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
    WHERE r.recorded_until = '9999-12-31'
)

SELECT COUNT(*)
FROM up
WHERE top_id = %(component_id)s;
