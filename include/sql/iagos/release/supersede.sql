-- The version that was added last takes the place of the one that counted. Parameters: flight_id, instrument_type,
-- level_name, product_id
UPDATE product
SET superseded_by = %(product_id)s
WHERE
    flight_id = %(flight_id)s
    AND instrument_type = %(instrument_type)s
    AND level = %(level_name)s
    AND superseded_by IS NULL
    AND product_id != %(product_id)s;
