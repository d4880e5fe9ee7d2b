-- What lies in a drop folder: the temporary table found. What is as before keeps its time and its delivery.
-- Parameters: origin (the source)
INSERT INTO drop_look (source, name, bytes, modified_s, side_sha256, since_utc)
SELECT
    %(origin)s,
    found.name,
    found.bytes,
    found.modified_s,
    found.side_sha256,
    UTC_TIMESTAMP(3)
FROM found
ON DUPLICATE KEY UPDATE
    since_utc = IF(
        drop_look.bytes = found.bytes
        AND drop_look.modified_s = found.modified_s
        AND drop_look.side_sha256 <=> found.side_sha256,
        drop_look.since_utc,
        UTC_TIMESTAMP(3)
    ),
    source_file_id = IF(
        drop_look.bytes = found.bytes
        AND drop_look.modified_s = found.modified_s
        AND drop_look.side_sha256 <=> found.side_sha256,
        drop_look.source_file_id,
        NULL
    ),
    bytes = found.bytes,
    modified_s = found.modified_s,
    side_sha256 = found.side_sha256;
