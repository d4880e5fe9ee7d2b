-- A file is here and whole. Parameters: source_file_id, bytes, sha256, completeness, raw_path, run_id
UPDATE source_file
SET
    state = 'received',
    bytes = %(bytes)s,
    sha256 = %(sha256)s,
    completeness = %(completeness)s,
    raw_path = %(raw_path)s,
    received_at = CURRENT_TIMESTAMP(3),
    message = NULL, -- noqa: CV05
    run_id = %(run_id)s
WHERE source_file_id = %(source_file_id)s;
