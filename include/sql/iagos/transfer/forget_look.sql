-- A file has left a drop folder. Parameters: origin (the source), name
DELETE FROM drop_look
WHERE source = %(origin)s AND name = %(name)s;
