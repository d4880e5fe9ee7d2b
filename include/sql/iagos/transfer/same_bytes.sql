-- The file with these bytes that is kept for a flight. Parameters: flight_id, instrument_type, sha256
SELECT source_file_id
FROM source_file
WHERE
    sha256 = %(sha256)s
    AND flight_id = %(flight_id)s
    AND instrument_type = %(instrument_type)s
    AND state = 'received'
ORDER BY source_file_id
LIMIT 1;
