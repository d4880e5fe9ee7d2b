-- Deployments of a component by itself during a time. Parameters: component_id, installed_at, removed_at
SELECT
    internal_no,
    start_at,
    end_at
FROM deployment
WHERE
    component_id = %(component_id)s
    AND start_at < %(removed_at)s
    AND end_at > %(installed_at)s
    AND recorded_until = '9999-12-31';
