-- Forgets places, aircraft, deployments, flights.
DROP TABLE IF EXISTS metadata_change;
DROP TABLE IF EXISTS data_description;
DROP TABLE IF EXISTS data_level;
DROP TABLE IF EXISTS flight;
DROP TABLE IF EXISTS campaign_deployment;
DROP TABLE IF EXISTS campaign;
DROP TABLE IF EXISTS deployment;
DROP TABLE IF EXISTS project;
DROP TABLE IF EXISTS aircraft;
DROP TABLE IF EXISTS aircraft_type;
DROP TABLE IF EXISTS airline;
DROP TABLE IF EXISTS measurement_location;
DROP TABLE IF EXISTS geo_coordinate;
DROP TABLE IF EXISTS country;
DROP TABLE IF EXISTS region;
