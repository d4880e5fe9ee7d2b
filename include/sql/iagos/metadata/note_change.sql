-- A change of a row that keeps no history of its own. Parameters: table_name, row_key, old, new (JSON), now, actor
INSERT INTO metadata_change (table_name, row_key, old, new, changed_at, changed_by)
VALUES (
    %(table_name)s,
    %(row_key)s,
    %(old)s,
    %(new)s,
    %(now)s,
    %(actor)s
);
