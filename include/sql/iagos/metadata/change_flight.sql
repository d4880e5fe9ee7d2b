-- Other times or airports of a flight. Parameters: flight_id, departure_airport, departure_at, arrival_airport,
-- arrival_at, flight_no
UPDATE flight
SET
    departure_airport = %(departure_airport)s,
    departure_at = %(departure_at)s,
    arrival_airport = %(arrival_airport)s,
    arrival_at = %(arrival_at)s,
    flight_no = %(flight_no)s
WHERE flight_id = %(flight_id)s;
