-- Forgets which series are kept; the files stay.
DROP TABLE IF EXISTS data_series;
DROP TABLE IF EXISTS series_file;
