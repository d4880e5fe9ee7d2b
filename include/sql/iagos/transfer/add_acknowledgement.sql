-- An acknowledgement to be sent; one of before with the same status is replaced.
-- Parameters: source_file_id, status, body
INSERT INTO acknowledgement (source_file_id, status, body, due_utc)
VALUES (
    %(source_file_id)s, %(status)s, %(body)s, UTC_TIMESTAMP(3)
)
ON DUPLICATE KEY UPDATE
    body = VALUES(body), -- noqa: LT01
    due_utc = VALUES(due_utc), -- noqa: LT01
    tries = 0,
    sent_utc = NULL, -- noqa: CV05
    message = NULL; -- noqa: CV05
