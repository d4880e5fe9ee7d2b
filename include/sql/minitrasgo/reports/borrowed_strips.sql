-- In how many of some files the charges, and the time differences, of each strip were calibrated by other hits than the
-- file's own. One row: one strip.
-- Parameters: files (numbers)
SELECT
    plane,
    strip,
    SUM(pedestal_front_origin <> 'own' OR pedestal_back_origin <> 'own') AS charges,
    SUM(t_dif_offset_origin <> 'own') AS time_differences
FROM calibration_strip
WHERE file_id IN %(files)s
GROUP BY plane, strip
