-- Files that are to be brought, oldest first.
-- Parameters: origin (the source), instrument_type, tries (most in a row), again_s
SELECT
    source_file.flight_id,
    source_file.instrument_type,
    source_file.revision
FROM source_file
INNER JOIN flight_state USING (flight_id, instrument_type, revision)
WHERE
    source_file.source = %(origin)s
    AND source_file.instrument_type = %(instrument_type)s
    AND (
        flight_state.state IN ('QUEUED', 'TRANSFERRING')
        OR (
            flight_state.state = 'TRANSFER_FAILED'
            AND (
                source_file.tries < %(tries)s
                OR source_file.updated_at < CURRENT_TIMESTAMP(3) - INTERVAL %(again_s)s SECOND
            )
        )
    )
ORDER BY source_file.available_since_utc, source_file.source_file_id;
