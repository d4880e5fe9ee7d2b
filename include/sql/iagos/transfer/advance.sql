-- A list has been read further.
-- Parameters: origin (the source), instrument_type, available_since_utc, file_id, run_id
INSERT INTO listing_cursor (source, instrument_type, available_since_utc, file_id, run_id)
VALUES (
    %(origin)s, %(instrument_type)s, %(available_since_utc)s, %(file_id)s, %(run_id)s
)
ON DUPLICATE KEY UPDATE
    available_since_utc = VALUES(available_since_utc), -- noqa: LT01
    file_id = VALUES(file_id), -- noqa: LT01
    run_id = VALUES(run_id); -- noqa: LT01
