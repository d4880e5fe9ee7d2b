-- Flights of other aircraft that took off from or landed at an airport around a time, with their newest verdict on
-- Level 0. Parameters: instrument_type, flight_id (of the flight that asks), airport, at_utc, within_s
SELECT
    f.flight_id,
    q.revision,
    MAX(q.qc_run_id) AS qc_run_id,
    (
        f.departure_airport = %(airport)s AND ABS(TIMESTAMPDIFF(SECOND, f.departure_at, %(at_utc)s)) <= %(within_s)s
    ) AS on_departure
FROM flight AS f
INNER JOIN qc_run AS q ON f.flight_id = q.flight_id
WHERE
    q.instrument_type = %(instrument_type)s
    AND q.data_level = 'L0'
    AND RIGHT(f.flight_id, 2) != RIGHT(%(flight_id)s, 2)
    AND (
        (f.departure_airport = %(airport)s AND ABS(TIMESTAMPDIFF(SECOND, f.departure_at, %(at_utc)s)) <= %(within_s)s)
        OR (f.arrival_airport = %(airport)s AND ABS(TIMESTAMPDIFF(SECOND, f.arrival_at, %(at_utc)s)) <= %(within_s)s)
    )
GROUP BY f.flight_id, q.revision
ORDER BY f.flight_id, q.revision;
