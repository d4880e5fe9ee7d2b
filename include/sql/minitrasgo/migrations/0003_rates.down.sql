-- Removes the rates with all that is in them.
DROP TABLE IF EXISTS station_day_plane;
DROP TABLE IF EXISTS station_day;
DROP TABLE IF EXISTS minute_region;
DROP TABLE IF EXISTS minute;
