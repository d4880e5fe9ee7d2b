-- Other files to be reduced that have these bytes, those of the station first. Parameters: station, basename, sha256
SELECT
    file_id,
    station,
    basename,
    station <> %(station)s AS elsewhere
FROM raw_file
WHERE
    sha256 = %(sha256)s
    AND state = 'arrived'
    AND NOT (station = %(station)s AND basename = %(basename)s)
ORDER BY elsewhere, file_id;
