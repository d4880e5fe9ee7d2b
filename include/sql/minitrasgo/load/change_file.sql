-- Another delivery of a file is in use from now on. Parameters: file_id and the columns that may change
UPDATE raw_file
SET
    begin_utc = %(begin_utc)s,
    canonical_name = %(canonical_name)s,
    state = %(state)s,
    message = %(message)s,
    duplicate_of = %(duplicate_of)s,
    delivery = %(delivery)s,
    bytes = %(bytes)s,
    sha256 = %(sha256)s,
    raw_path = %(raw_path)s,
    first_event_utc = %(first_event_utc)s,
    last_event_utc = %(last_event_utc)s,
    run_id = %(run_id)s
WHERE file_id = %(file_id)s;
