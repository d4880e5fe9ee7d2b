-- A deployment or flight of an aircraft or a place that does not lie inside a time; an open deployment need only begin.
-- Parameters: aircraft_id, measurement_location_id (one of them NULL), active_from, active_to
SELECT CONCAT('deployment ', internal_no) AS what
FROM deployment
WHERE
    (aircraft_id = %(aircraft_id)s OR measurement_location_id = %(measurement_location_id)s)
    AND (start_at < %(active_from)s OR (end_at > %(active_to)s AND end_at < '9999-12-31') OR start_at >= %(active_to)s)
    AND recorded_until = '9999-12-31'
UNION ALL
SELECT CONCAT('flight ', flight_id) AS what
FROM flight
WHERE
    aircraft_id = %(aircraft_id)s
    AND (departure_at < %(active_from)s OR arrival_at > %(active_to)s)
ORDER BY what
LIMIT 1;
