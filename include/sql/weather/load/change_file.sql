-- A registered file that has grown, or is judged again. Parameters: file_id and the columns that may change
UPDATE logger_file
SET
    state = %(state)s,
    message = %(message)s,
    bytes = %(bytes)s,
    sha256 = %(sha256)s,
    modified_utc = %(modified_utc)s,
    logger_station = %(logger_station)s,
    logger_table = %(logger_table)s,
    logger_serial = %(logger_serial)s,
    program_signature = %(program_signature)s,
    first_logger_time = %(first_logger_time)s,
    last_logger_time = %(last_logger_time)s,
    rows_read = %(rows_read)s,
    rows_rejected = %(rows_rejected)s,
    truncated = %(truncated)s,
    run_id = %(run_id)s
WHERE file_id = %(file_id)s;
