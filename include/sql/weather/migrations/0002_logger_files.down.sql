-- Forgets which files were registered. The raw store and the sources keep them: they are registered again.
DROP TABLE IF EXISTS logger_file_day;
DROP TABLE IF EXISTS logger_file;
