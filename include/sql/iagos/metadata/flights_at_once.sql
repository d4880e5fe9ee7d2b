-- Other flights of an aircraft that overlap a time. Parameters: aircraft_id, flight_id, departure_at, arrival_at
SELECT
    flight_id,
    departure_at,
    arrival_at
FROM flight
WHERE
    aircraft_id = %(aircraft_id)s
    AND flight_id <> %(flight_id)s
    AND departure_at < %(arrival_at)s
    AND arrival_at > %(departure_at)s;
