-- A file whose entry cannot be used, kept as it came.
-- Parameters: origin, file_id, source_revision, message, listing, run_id
INSERT INTO source_file (source, file_id, source_revision, state, message, listing, run_id)
VALUES (
    %(origin)s, %(file_id)s, %(source_revision)s, 'rejected', %(message)s, %(listing)s, %(run_id)s
)
ON DUPLICATE KEY UPDATE
    message = IF(state = 'rejected', VALUES(message), source_file.message), -- noqa: LT01
    listing = IF(state = 'rejected', VALUES(listing), source_file.listing); -- noqa: LT01
