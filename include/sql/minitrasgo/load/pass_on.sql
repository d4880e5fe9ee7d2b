-- Copies of a file whose bytes have changed: the first that came is no copy any more, the others are copies of it.
-- Parameters: file_id (of the file that changed), heir (file_id of the first copy), message (for the other copies)
UPDATE raw_file
SET
    state = IF(file_id = %(heir)s, 'arrived', 'duplicate'),
    message = IF(file_id = %(heir)s, NULL, %(message)s),
    duplicate_of = IF(file_id = %(heir)s, NULL, %(heir)s)
WHERE duplicate_of = %(file_id)s;
