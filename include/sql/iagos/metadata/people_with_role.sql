-- Who has a role at a time. Parameters: role_name, instrument_type, at (UTC)
SELECT DISTINCT
    p.login,
    p.name,
    p.email
FROM person_role AS r
INNER JOIN person AS p ON r.person_id = p.person_id
WHERE
    r.role = %(role_name)s
    AND r.instrument_type IN ('', %(instrument_type)s)
    AND r.valid_from <= %(at)s
    AND r.valid_to > %(at)s
ORDER BY p.login;
