-- Registered files of a station: one name, or all that begin between two days (included). One row: one file.
-- Parameters: station, basename (NULL: all), first_day, last_day
SELECT
    f.basename,
    f.station,
    f.named_station,
    f.state,
    f.message,
    f.canonical_name,
    f.begin_utc,
    f.first_event_utc,
    f.last_event_utc,
    f.bytes,
    f.sha256,
    f.raw_path,
    f.delivery,
    o.basename AS duplicate_of
FROM raw_file AS f
LEFT JOIN raw_file AS o ON f.duplicate_of = o.file_id
WHERE
    f.station = %(station)s
    AND (%(basename)s IS NULL OR f.basename = %(basename)s)
    AND f.begin_utc >= %(first_day)s
    AND f.begin_utc < %(last_day)s + INTERVAL 1 DAY
ORDER BY f.begin_utc, f.basename;
