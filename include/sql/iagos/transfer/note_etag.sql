-- What the server calls the bytes that begin to come. Parameters: source_file_id, etag
UPDATE source_file
SET etag = %(etag)s
WHERE source_file_id = %(source_file_id)s;
