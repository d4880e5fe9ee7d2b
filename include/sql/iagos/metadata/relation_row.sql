-- A relation, corrected or not. Parameters: number
SELECT
    parent_id,
    installed_at,
    removed_at,
    recorded_until,
    corrects
FROM component_relation
WHERE component_relation_id = %(number)s;
