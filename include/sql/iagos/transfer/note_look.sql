-- What lies in a drop folder: the temporary table found. What looks as before keeps its time and its delivery; of what
-- is done with, the side file may have been moved already.
-- Parameters: origin (the source)
INSERT INTO drop_look (source, name, bytes, modified_s, side_sha256, since_utc, source_file_id)
SELECT
    %(origin)s,
    found.name,
    found.bytes,
    found.modified_s,
    found.side_sha256,
    COALESCE(as_before.since_utc, UTC_TIMESTAMP(3)),
    as_before.source_file_id
FROM found
LEFT JOIN drop_look AS as_before
    ON
        as_before.source = %(origin)s
        AND found.name = as_before.name
        AND found.bytes = as_before.bytes
        AND found.modified_s = as_before.modified_s
        AND (
            found.side_sha256 <=> as_before.side_sha256
            OR (
                found.side_sha256 IS NULL
                AND EXISTS (
                    SELECT 1
                    FROM source_file
                    WHERE
                        source_file.source_file_id = as_before.source_file_id
                        AND source_file.state IN ('received', 'duplicate', 'quarantined', 'rejected')
                )
            )
        )
ON DUPLICATE KEY UPDATE
    bytes = VALUES(bytes), -- noqa: LT01
    modified_s = VALUES(modified_s), -- noqa: LT01
    side_sha256 = VALUES(side_sha256), -- noqa: LT01
    since_utc = VALUES(since_utc), -- noqa: LT01
    source_file_id = VALUES(source_file_id); -- noqa: LT01
