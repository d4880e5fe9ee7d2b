-- The file of a delivery. Parameters: flight_id, instrument_type, revision
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
WHERE flight_id = %(flight_id)s AND instrument_type = %(instrument_type)s AND revision = %(revision)s;
