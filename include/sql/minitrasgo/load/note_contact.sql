-- A source answered (message NULL), or did not. Parameters: station, source, now, message, files_listed
INSERT INTO station_contact (
    station, source, last_tried_utc, last_ok_utc, failing_since_utc, message, files_listed
)
VALUES (
    %(station)s,
    %(source)s,
    %(now)s,
    IF(%(message)s IS NULL, %(now)s, NULL),
    IF(%(message)s IS NULL, NULL, %(now)s),
    %(message)s,
    %(files_listed)s
)
ON DUPLICATE KEY UPDATE
    last_tried_utc = VALUES(last_tried_utc), -- noqa: LT01
    last_ok_utc = COALESCE(VALUES(last_ok_utc), last_ok_utc), -- noqa: LT01
    failing_since_utc = IF(
        VALUES(message) IS NULL, NULL, COALESCE(failing_since_utc, VALUES(failing_since_utc)) -- noqa: LT01
    ),
    message = VALUES(message), -- noqa: LT01
    files_listed = COALESCE(VALUES(files_listed), files_listed); -- noqa: LT01
