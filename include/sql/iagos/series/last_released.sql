-- What was released of a flight last, whatever delivery it was made from. Parameters: flight_id, instrument_type
SELECT
    revision,
    level,
    version
FROM series_file
WHERE flight_id = %(flight_id)s AND instrument_type = %(instrument_type)s AND version != '' AND level != 'NRT'
ORDER BY series_file_id DESC
LIMIT 1;
