-- Removes what was made of each file, with all that is in it.
DROP TABLE IF EXISTS file_minute_count;
DROP TABLE IF EXISTS file_minute;
DROP TABLE IF EXISTS file_day;
DROP TABLE IF EXISTS event_file_plane;
DROP TABLE IF EXISTS event_file;
DROP TABLE IF EXISTS calibration_strip;
DROP TABLE IF EXISTS calibration;
