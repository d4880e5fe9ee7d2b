-- A delivery of a file, unless it is the last one of this name there (a run was killed after it noted it).
-- Parameters: the columns
INSERT INTO raw_delivery (
    file_id,
    delivery,
    source,
    source_name,
    source_bytes,
    source_modified_utc,
    state,
    message,
    bytes,
    sha256,
    raw_path,
    run_id
)
SELECT
    %(file_id)s,
    %(delivery)s,
    %(source)s,
    %(source_name)s,
    %(source_bytes)s,
    %(source_modified_utc)s,
    %(state)s,
    %(message)s,
    %(bytes)s,
    %(sha256)s,
    %(raw_path)s,
    %(run_id)s
FROM DUAL
WHERE
    NOT EXISTS (
        SELECT 1
        FROM raw_delivery AS d
        WHERE
            d.delivery_id = (
                SELECT MAX(e.delivery_id)
                FROM raw_delivery AS e
                WHERE e.file_id = %(file_id)s AND e.source = %(source)s AND e.source_name = %(source_name)s
            )
            AND d.source_bytes = %(source_bytes)s
            AND d.source_modified_utc = %(source_modified_utc)s
            AND d.sha256 = %(sha256)s
    );
