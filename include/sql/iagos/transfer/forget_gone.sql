-- What does not lie in a drop folder any more: all that is not in the temporary table found.
-- Parameters: origin (the source)
DELETE drop_look
FROM drop_look
LEFT JOIN found ON drop_look.name = found.name
WHERE drop_look.source = %(origin)s AND found.name IS NULL;
