-- What lies in a drop folder is a delivery, or refused. Parameters: origin (the source), name, file_id, source_revision
UPDATE drop_look
INNER JOIN source_file ON drop_look.source = source_file.source
SET drop_look.source_file_id = source_file.source_file_id
WHERE
    drop_look.source = %(origin)s
    AND drop_look.name = %(name)s
    AND source_file.file_id = %(file_id)s
    AND source_file.source_revision = %(source_revision)s;
