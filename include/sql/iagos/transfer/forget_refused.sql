-- An entry that could not be used has been corrected. Parameters: source_file_id
DELETE FROM source_file
WHERE source_file_id = %(source_file_id)s AND state = 'rejected';
