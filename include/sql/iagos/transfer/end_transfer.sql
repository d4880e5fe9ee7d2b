-- A transfer ended without a file.
-- Parameters: source_file_id, state, tries, message, sha256 (NULL: as it was), duplicate_of, run_id
UPDATE source_file
SET
    state = %(state)s,
    tries = %(tries)s,
    message = %(message)s,
    sha256 = COALESCE(%(sha256)s, sha256),
    duplicate_of = %(duplicate_of)s,
    run_id = %(run_id)s
WHERE source_file_id = %(source_file_id)s;
