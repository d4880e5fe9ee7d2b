-- Forgets which files sources offered. The raw store stays.
DROP TABLE IF EXISTS drop_look;
DROP TABLE IF EXISTS acknowledgement;
DROP TABLE IF EXISTS listing_cursor;
DROP TABLE IF EXISTS source_file;
