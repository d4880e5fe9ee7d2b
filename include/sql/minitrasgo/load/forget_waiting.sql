-- What was taken or is gone waits no more. Parameters: station, source
DELETE FROM source_file
WHERE
    station = %(station)s
    AND source = %(source)s
    AND name NOT IN (SELECT w.name FROM waiting AS w);
