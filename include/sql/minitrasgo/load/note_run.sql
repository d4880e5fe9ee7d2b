-- A row of the run dictionary is used. Parameters: the columns
INSERT INTO run_dictionary (
    station,
    row_hash,
    conf,
    valid_from,
    valid_to,
    plane_1_z_mm,
    plane_2_z_mm,
    plane_3_z_mm,
    plane_4_z_mm,
    phi_north_deg,
    triggers,
    content
)
VALUES (
    %(station)s,
    %(row_hash)s,
    %(conf)s,
    %(valid_from)s,
    %(valid_to)s,
    %(plane_1_z_mm)s,
    %(plane_2_z_mm)s,
    %(plane_3_z_mm)s,
    %(plane_4_z_mm)s,
    %(phi_north_deg)s,
    %(triggers)s,
    %(content)s
)
ON DUPLICATE KEY UPDATE row_hash = VALUES(row_hash); -- noqa: LT01
