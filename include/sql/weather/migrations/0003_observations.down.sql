-- Removes the observations with all that is in them.
DROP TABLE IF EXISTS station_day;
DROP TABLE IF EXISTS observation_statistic;
DROP TABLE IF EXISTS observation;
