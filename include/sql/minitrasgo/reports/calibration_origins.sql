-- Where the constants of each strip come from, in the calibrations of the files that are used on a day. One row: one
-- strip of one file; origins are 1 own hits, 2 last good calibration, 3 neighbours, 4 none: of the charges, of the time
-- differences, and the furthest of all that is needed.
-- Parameters: station, day
SELECT
    c.file_id,
    c.plane,
    c.strip,
    c.hits,
    GREATEST(
        FIELD(c.pedestal_front_origin, 'own', 'last good', 'neighbours', 'none'),
        FIELD(c.pedestal_back_origin, 'own', 'last good', 'neighbours', 'none')
    ) AS charges,
    FIELD(c.t_dif_offset_origin, 'own', 'last good', 'neighbours', 'none') AS time_differences,
    GREATEST(
        FIELD(c.pedestal_front_origin, 'own', 'last good', 'neighbours', 'none'),
        FIELD(c.pedestal_back_origin, 'own', 'last good', 'neighbours', 'none'),
        FIELD(c.t_dif_offset_origin, 'own', 'last good', 'neighbours', 'none'),
        FIELD(c.t_sum_offset_origin, 'own', 'last good', 'neighbours', 'none')
    ) AS furthest
FROM file_day AS d
INNER JOIN raw_file AS r ON d.file_id = r.file_id
INNER JOIN calibration_strip AS c ON d.file_id = c.file_id
WHERE d.station = %(station)s AND d.`day` = %(day)s AND r.state = 'arrived'
