-- An acknowledgement was taken. Parameters: acknowledgement_id
UPDATE acknowledgement
SET
    sent_utc = UTC_TIMESTAMP(3),
    due_utc = NULL, -- noqa: CV05
    message = NULL -- noqa: CV05
WHERE acknowledgement_id = %(acknowledgement_id)s;
