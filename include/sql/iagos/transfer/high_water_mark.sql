-- How far a list has been read. Parameters: origin (the source), instrument_type
SELECT
    available_since_utc,
    file_id
FROM listing_cursor
WHERE source = %(origin)s AND instrument_type = %(instrument_type)s;
