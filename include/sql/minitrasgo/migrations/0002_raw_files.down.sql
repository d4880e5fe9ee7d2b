-- Forgets which files came. The raw store and the sources keep them: they are brought and registered again.
DROP TABLE IF EXISTS raw_delivery;
DROP TABLE IF EXISTS raw_file;
DROP TABLE IF EXISTS source_file;
DROP TABLE IF EXISTS station_contact;
DROP TABLE IF EXISTS run_dictionary;
