-- Files of a station that were registered before, those of one name in the order of their rotations.
-- One row: one file. Parameter: station
SELECT
    folder,
    name,
    rotation,
    file_id,
    bytes,
    sha256,
    TIMESTAMPDIFF(MICROSECOND, '1970-01-01', modified_utc) AS modified_us,
    state,
    raw_path
FROM logger_file
WHERE station = %(station)s
ORDER BY rotation;
