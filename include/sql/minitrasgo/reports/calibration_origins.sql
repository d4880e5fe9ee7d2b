-- Where the constants of each strip come from in the calibrations of some files. One row: one strip of one file; the
-- origins are 1 own hits, 2 last good calibration, 3 neighbours, 4 none: of the charges, of the time differences, and the
-- furthest of all that is needed.
-- Parameters: files (numbers)
SELECT
    file_id,
    plane,
    strip,
    hits,
    GREATEST(
        FIELD(pedestal_front_origin, 'own', 'last good', 'neighbours', 'none'),
        FIELD(pedestal_back_origin, 'own', 'last good', 'neighbours', 'none')
    ) AS charges,
    FIELD(t_dif_offset_origin, 'own', 'last good', 'neighbours', 'none') AS time_differences,
    GREATEST(
        FIELD(pedestal_front_origin, 'own', 'last good', 'neighbours', 'none'),
        FIELD(pedestal_back_origin, 'own', 'last good', 'neighbours', 'none'),
        FIELD(t_dif_offset_origin, 'own', 'last good', 'neighbours', 'none'),
        FIELD(t_sum_offset_origin, 'own', 'last good', 'neighbours', 'none')
    ) AS furthest
FROM calibration_strip
WHERE file_id IN %(files)s
