-- An aircraft, held until the end of the transaction: its flights are noted one by one. Parameters: internal_no
SELECT
    aircraft_id,
    registration_code,
    active_from,
    active_to
FROM aircraft
WHERE internal_no = %(internal_no)s
FOR UPDATE;
