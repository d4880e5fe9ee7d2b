-- Flights of an aircraft that began during a time, and whether data of an instrument are released. A delivery that a
-- newer one took the place of, or that was withdrawn or rejected, does not count.
-- Parameters: aircraft_id, instrument_type, begin_at, end_at
SELECT
    f.flight_id,
    COALESCE(MAX(h.to_state = 'L1_RELEASED'), 0) AS released_l1,
    COALESCE(MAX(h.to_state = 'L2_RELEASED'), 0) AS released_l2
FROM flight AS f
LEFT JOIN flight_state AS s
    ON
        f.flight_id = s.flight_id
        AND s.instrument_type = %(instrument_type)s
        AND s.state NOT IN ('SUPERSEDED', 'WITHDRAWN', 'REJECTED')
LEFT JOIN flight_state_history AS h
    ON
        s.flight_id = h.flight_id
        AND s.instrument_type = h.instrument_type
        AND s.revision = h.revision
        AND h.to_state IN ('L1_RELEASED', 'L2_RELEASED')
WHERE
    f.aircraft_id = %(aircraft_id)s
    AND f.departure_at >= %(begin_at)s
    AND f.departure_at < %(end_at)s
GROUP BY f.flight_id
ORDER BY f.flight_id;
