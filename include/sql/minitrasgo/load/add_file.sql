-- A file of a name that was not known before. Parameters: the columns
INSERT INTO raw_file (
    station,
    basename,
    named_station,
    start_utc,
    begin_utc,
    canonical_name,
    state,
    message,
    duplicate_of,
    delivery,
    bytes,
    sha256,
    raw_path,
    first_event_utc,
    last_event_utc,
    run_id
)
VALUES (
    %(station)s,
    %(basename)s,
    %(named_station)s,
    %(start_utc)s,
    %(begin_utc)s,
    %(canonical_name)s,
    %(state)s,
    %(message)s,
    %(duplicate_of)s,
    %(delivery)s,
    %(bytes)s,
    %(sha256)s,
    %(raw_path)s,
    %(first_event_utc)s,
    %(last_event_utc)s,
    %(run_id)s
);
