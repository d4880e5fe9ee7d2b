-- Files that were listed before and not taken. One row: one file. Parameters: station, source
SELECT
    name,
    bytes,
    TIMESTAMPDIFF(SECOND, '1970-01-01', modified_utc) AS modified_s,
    TIMESTAMPDIFF(MICROSECOND, '1970-01-01', since_utc) AS since_us
FROM source_file
WHERE station = %(station)s AND source = %(source)s;
