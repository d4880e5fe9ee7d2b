-- A new flight. Parameters: flight_id, aircraft_id, registration_code, departure_airport, departure_at,
-- arrival_airport, arrival_at, flight_no, now, actor
INSERT INTO flight (
    flight_id,
    aircraft_id,
    registration_code,
    departure_airport,
    departure_at,
    arrival_airport,
    arrival_at,
    flight_no,
    created_at,
    created_by
)
VALUES (
    %(flight_id)s,
    %(aircraft_id)s,
    %(registration_code)s,
    %(departure_airport)s,
    %(departure_at)s,
    %(arrival_airport)s,
    %(arrival_at)s,
    %(flight_no)s,
    %(now)s,
    %(actor)s
);
