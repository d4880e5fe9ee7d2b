-- An acknowledgement was not taken. Parameters: acknowledgement_id, pause_s (NULL: given up), message
UPDATE acknowledgement
SET
    tries = tries + 1,
    due_utc = UTC_TIMESTAMP(3) + INTERVAL %(pause_s)s SECOND,
    message = %(message)s
WHERE acknowledgement_id = %(acknowledgement_id)s;
