-- What lies in a drop folder, for how long it has looked like this [s], and the delivery that it is.
-- Parameters: origin (the source)
SELECT
    drop_look.name,
    drop_look.bytes,
    drop_look.modified_s,
    drop_look.side_sha256,
    TIMESTAMPDIFF(SECOND, drop_look.since_utc, UTC_TIMESTAMP(3)),
    source_file.flight_id,
    source_file.instrument_type,
    source_file.revision,
    source_file.state
FROM drop_look
LEFT JOIN source_file USING (source_file_id)
WHERE drop_look.source = %(origin)s
ORDER BY drop_look.modified_s, drop_look.name;
