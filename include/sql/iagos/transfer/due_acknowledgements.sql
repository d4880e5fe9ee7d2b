-- Acknowledgements to be sent now. Parameters: origin (the source)
SELECT
    acknowledgement.acknowledgement_id,
    source_file.file_id,
    acknowledgement.body,
    acknowledgement.tries
FROM acknowledgement
INNER JOIN source_file USING (source_file_id)
WHERE source_file.source = %(origin)s AND acknowledgement.due_utc <= UTC_TIMESTAMP(3)
ORDER BY acknowledgement.acknowledgement_id;
