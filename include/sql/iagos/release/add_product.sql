-- A version of a product, to be written. Parameters: as the columns; level_name, x, y, z, now
INSERT INTO product (
    flight_id, instrument_type, revision, level, version_x, version_y, version_z, report_id, data_digest, decision_id,
    l1_product_id, made_with, reason, state, released_at_utc, run_id
) VALUES (
    %(flight_id)s, %(instrument_type)s, %(revision)s, %(level_name)s, %(x)s, %(y)s, %(z)s, %(report_id)s,
    %(data_digest)s, %(decision_id)s, %(l1_product_id)s, %(made_with)s, %(reason)s, 'pending', %(now)s, %(run_id)s
);
