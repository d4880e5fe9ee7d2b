-- A file that a source offers. Parameters: as the columns, origin (the source)
INSERT INTO source_file (
    source, file_id, source_revision, flight_id, instrument_type, revision, name, bytes, sha256, state,
    departure_airport, departure_utc, arrival_airport, arrival_utc, available_since_utc, run_id
)
VALUES (
    %(origin)s,
    %(file_id)s,
    %(source_revision)s,
    %(flight_id)s,
    %(instrument_type)s,
    %(revision)s,
    %(name)s,
    %(bytes)s,
    %(sha256)s,
    'listed',
    %(departure_airport)s,
    %(departure_utc)s,
    %(arrival_airport)s,
    %(arrival_utc)s,
    %(available_since_utc)s,
    %(run_id)s
);
