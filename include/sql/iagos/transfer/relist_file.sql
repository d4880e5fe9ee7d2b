-- A file that is to be brought once more, perhaps with another announcement.
-- Parameters: source_file_id, name, bytes, sha256, run_id
UPDATE source_file
SET
    name = %(name)s,
    bytes = %(bytes)s,
    sha256 = %(sha256)s,
    etag = NULL, -- noqa: CV05
    state = 'listed',
    tries = 0,
    message = NULL, -- noqa: CV05
    run_id = %(run_id)s
WHERE source_file_id = %(source_file_id)s;
