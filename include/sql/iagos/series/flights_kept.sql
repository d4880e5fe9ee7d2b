-- Flight files whose Level 0 is kept, in the order in which they came. Parameters: flight_ids (with commas; NULL: all)
SELECT
    flight_id,
    instrument_type,
    revision
FROM series_file
WHERE level = 'L0' AND version = '' AND (%(flight_ids)s IS NULL OR FIND_IN_SET(flight_id, %(flight_ids)s))
ORDER BY series_file_id;
