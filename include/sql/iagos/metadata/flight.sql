-- A flight with its aircraft. Parameters: flight_id
SELECT
    f.aircraft_id,
    a.internal_no,
    f.registration_code,
    f.departure_airport,
    f.departure_at,
    f.arrival_airport,
    f.arrival_at,
    l.name AS airline,
    t.name AS aircraft_type,
    a.serial_no,
    f.flight_no
FROM flight AS f
INNER JOIN aircraft AS a ON f.aircraft_id = a.aircraft_id
INNER JOIN airline AS l ON a.airline_id = l.airline_id
INNER JOIN aircraft_type AS t ON a.aircraft_type_id = t.aircraft_type_id
WHERE f.flight_id = %(flight_id)s;
