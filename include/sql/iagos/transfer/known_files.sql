-- All revisions of the files of the temporary table listed_file. Parameters: origin (the source)
SELECT
    source_file_id,
    source,
    file_id,
    source_revision,
    flight_id,
    instrument_type,
    revision,
    name,
    bytes,
    sha256,
    etag,
    completeness,
    raw_path,
    state,
    tries,
    message,
    departure_airport,
    departure_utc,
    arrival_airport,
    arrival_utc,
    available_since_utc,
    received_at
FROM source_file
INNER JOIN listed_file USING (file_id)
WHERE source = %(origin)s
ORDER BY source_file_id;
