-- The instrument database, second half: places, aircraft, deployments, flights.
-- All times are UTC; periods include their first moment and not their last; what has no end yet ends on 9999-12-31, for
-- the server compares periods and takes no NULL for that. Nothing is ever deleted together with something else.

-- One row is a region of the world.
CREATE TABLE IF NOT EXISTS region (
    region_id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT COMMENT 'number',
    name VARCHAR(64) NOT NULL COMMENT 'name',
    created_at DATETIME(6) NOT NULL COMMENT 'when the row was written (UTC)',
    created_by VARCHAR(64) NOT NULL COMMENT 'who wrote it: login, or automatic',
    PRIMARY KEY (region_id),
    UNIQUE KEY region_once (name)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin
COMMENT = 'regions';

-- One row is a country.
CREATE TABLE IF NOT EXISTS country (
    country_id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT COMMENT 'number',
    name VARCHAR(64) NOT NULL COMMENT 'name',
    created_at DATETIME(6) NOT NULL COMMENT 'when the row was written (UTC)',
    created_by VARCHAR(64) NOT NULL COMMENT 'who wrote it: login, or automatic',
    PRIMARY KEY (country_id),
    UNIQUE KEY country_once (name)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin
COMMENT = 'countries';

-- One row is a place.
CREATE TABLE IF NOT EXISTS geo_coordinate (
    geo_coordinate_id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT COMMENT 'number',
    name VARCHAR(64) NOT NULL COMMENT 'name of the place; of an airport its IATA code',
    latitude_deg DOUBLE NOT NULL COMMENT 'latitude, north positive [degree]',
    longitude_deg DOUBLE NOT NULL COMMENT 'longitude, east positive [degree]',
    description VARCHAR(1000) NOT NULL DEFAULT '' COMMENT 'what a person should know',
    created_at DATETIME(6) NOT NULL COMMENT 'when the row was written (UTC)',
    created_by VARCHAR(64) NOT NULL COMMENT 'who wrote it: login, or automatic',
    PRIMARY KEY (geo_coordinate_id),
    UNIQUE KEY geo_coordinate_once (name),
    CONSTRAINT geo_coordinate_is_on_earth
    CHECK (latitude_deg BETWEEN -90 AND 90 AND longitude_deg BETWEEN -180 AND 180)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin
COMMENT = 'named places, airports above all';

-- One row is a place on the ground where components measure or are tested.
CREATE TABLE IF NOT EXISTS measurement_location (
    measurement_location_id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT COMMENT 'number',
    name VARCHAR(64) NOT NULL COMMENT 'name',
    country_id BIGINT UNSIGNED NULL COMMENT 'country; NULL: not said',
    region_id BIGINT UNSIGNED NULL COMMENT 'region; NULL: not said',
    altitude_m DOUBLE NULL COMMENT 'height above sea level [m]; NULL: not said',
    latitude_deg DOUBLE NOT NULL COMMENT 'latitude, north positive [degree]',
    longitude_deg DOUBLE NOT NULL COMMENT 'longitude, east positive [degree]',
    active_from DATETIME NOT NULL COMMENT 'from when on (UTC)',
    active_to DATETIME NOT NULL DEFAULT '9999-12-31 00:00:00'
    COMMENT 'until when (UTC, not included); 9999-12-31: open',
    description VARCHAR(128) NOT NULL DEFAULT '' COMMENT 'what a person should know',
    created_at DATETIME(6) NOT NULL COMMENT 'when the row was written (UTC)',
    created_by VARCHAR(64) NOT NULL COMMENT 'who wrote it: login, or automatic',
    PRIMARY KEY (measurement_location_id),
    UNIQUE KEY measurement_location_once (name),
    CONSTRAINT measurement_location_is_in_a_country FOREIGN KEY (country_id)
    REFERENCES country (country_id) ON DELETE RESTRICT,
    CONSTRAINT measurement_location_is_in_a_region FOREIGN KEY (region_id)
    REFERENCES region (region_id) ON DELETE RESTRICT,
    CONSTRAINT measurement_location_is_active CHECK (active_from < active_to),
    CONSTRAINT measurement_location_is_on_earth
    CHECK (latitude_deg BETWEEN -90 AND 90 AND longitude_deg BETWEEN -180 AND 180)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin
COMMENT = 'stations and chambers';

-- One row is an airline.
CREATE TABLE IF NOT EXISTS airline (
    airline_id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT COMMENT 'number',
    name VARCHAR(64) NOT NULL COMMENT 'name',
    code VARCHAR(3) NOT NULL COMMENT 'IATA or ICAO code',
    created_at DATETIME(6) NOT NULL COMMENT 'when the row was written (UTC)',
    created_by VARCHAR(64) NOT NULL COMMENT 'who wrote it: login, or automatic',
    PRIMARY KEY (airline_id),
    UNIQUE KEY airline_once (name)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin
COMMENT = 'airlines';

-- One row is a type of aircraft.
CREATE TABLE IF NOT EXISTS aircraft_type (
    aircraft_type_id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT COMMENT 'number',
    name VARCHAR(64) NOT NULL COMMENT 'name',
    code VARCHAR(8) NOT NULL COMMENT 'ICAO code, as A343',
    created_at DATETIME(6) NOT NULL COMMENT 'when the row was written (UTC)',
    created_by VARCHAR(64) NOT NULL COMMENT 'who wrote it: login, or automatic',
    PRIMARY KEY (aircraft_type_id),
    UNIQUE KEY aircraft_type_once (name)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin
COMMENT = 'types of aircraft';

-- One row is one aircraft. Its registration and airline may change, its serial number does not.
CREATE TABLE IF NOT EXISTS aircraft (
    aircraft_id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT COMMENT 'number',
    internal_no CHAR(2) NOT NULL COMMENT 'number in flight identifiers',
    name VARCHAR(64) NOT NULL DEFAULT '' COMMENT 'what people call it',
    serial_no VARCHAR(32) NOT NULL COMMENT 'of its maker',
    registration_code VARCHAR(16) NOT NULL COMMENT 'registration, as D-AIGT',
    airline_id BIGINT UNSIGNED NOT NULL COMMENT 'who flies it',
    aircraft_type_id BIGINT UNSIGNED NOT NULL COMMENT 'type',
    active_from DATETIME NOT NULL COMMENT 'from when on it takes part (UTC)',
    active_to DATETIME NOT NULL DEFAULT '9999-12-31 00:00:00'
    COMMENT 'until when it takes part (UTC, not included); 9999-12-31: open',
    created_at DATETIME(6) NOT NULL COMMENT 'when the row was written (UTC)',
    created_by VARCHAR(64) NOT NULL COMMENT 'who wrote it: login, or automatic',
    PRIMARY KEY (aircraft_id),
    UNIQUE KEY aircraft_once (internal_no),
    UNIQUE KEY aircraft_serial_no (aircraft_type_id, serial_no),
    CONSTRAINT aircraft_has_an_airline FOREIGN KEY (airline_id)
    REFERENCES airline (airline_id) ON DELETE RESTRICT,
    CONSTRAINT aircraft_has_a_type FOREIGN KEY (aircraft_type_id)
    REFERENCES aircraft_type (aircraft_type_id) ON DELETE RESTRICT,
    CONSTRAINT aircraft_number_has_two_digits CHECK (internal_no REGEXP '^[0-9]{2}$'),
    CONSTRAINT aircraft_is_active CHECK (active_from < active_to)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin
COMMENT = 'equipped aircraft';

-- One row is a project.
CREATE TABLE IF NOT EXISTS project (
    project_id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT COMMENT 'number',
    name VARCHAR(64) NOT NULL COMMENT 'short name',
    long_name VARCHAR(128) NOT NULL COMMENT 'full name',
    start_at DATETIME NULL COMMENT 'when it began; NULL: not said (UTC)',
    end_at DATETIME NULL COMMENT 'when it ended; NULL: not said or going on (UTC)',
    is_infrastructure BOOLEAN NOT NULL DEFAULT FALSE COMMENT 'whether it is a lasting infrastructure',
    description VARCHAR(1000) NOT NULL DEFAULT '' COMMENT 'what a person should know',
    created_at DATETIME(6) NOT NULL COMMENT 'when the row was written (UTC)',
    created_by VARCHAR(64) NOT NULL COMMENT 'who wrote it: login, or automatic',
    PRIMARY KEY (project_id),
    UNIQUE KEY project_once (name),
    CONSTRAINT project_ends_after_start CHECK (start_at < end_at)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin
COMMENT = 'projects';

-- One row says that a component, with all that is built into it, is on an aircraft or at a place during some time, as
-- it was known from recorded_at to recorded_until. Inside the active period of the target: a check of the code.
CREATE TABLE IF NOT EXISTS deployment (
    deployment_id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT COMMENT 'number',
    internal_no VARCHAR(32) NOT NULL COMMENT 'what people call it',
    project_id BIGINT UNSIGNED NOT NULL COMMENT 'project',
    component_id BIGINT UNSIGNED NOT NULL COMMENT 'component on top',
    aircraft_id BIGINT UNSIGNED NULL COMMENT 'aircraft; NULL: on the ground',
    measurement_location_id BIGINT UNSIGNED NULL COMMENT 'place on the ground; NULL: on an aircraft',
    start_at DATETIME NOT NULL COMMENT 'begin (UTC)',
    end_at DATETIME NOT NULL DEFAULT '9999-12-31 00:00:00'
    COMMENT 'end (UTC, not included); 9999-12-31: open',
    corrects BIGINT UNSIGNED NULL COMMENT 'row that this one corrects; NULL: none',
    recorded_at DATETIME(6) NOT NULL COMMENT 'from when on the row was known (UTC)',
    recorded_until DATETIME(6) NOT NULL DEFAULT '9999-12-31 00:00:00'
    COMMENT 'until when it counted as true (UTC); 9999-12-31: it still does. Nothing else of a row ever changes',
    created_by VARCHAR(64) NOT NULL COMMENT 'who wrote it: login, or automatic',
    ended_by VARCHAR(64) NULL COMMENT 'who corrected or withdrew it; NULL: nobody',
    PERIOD FOR deployed (start_at, end_at),
    PRIMARY KEY (deployment_id),
    UNIQUE KEY deployment_once (internal_no, recorded_until),
    UNIQUE KEY deployment_one_at_a_time (component_id, recorded_until, deployed WITHOUT OVERLAPS),
    KEY deployment_of_aircraft (aircraft_id, start_at),
    UNIQUE KEY deployment_corrected_once (corrects),
    CONSTRAINT deployment_corrects_a_row FOREIGN KEY (corrects)
    REFERENCES deployment (deployment_id) ON DELETE RESTRICT,
    CONSTRAINT deployment_recorded_in_order CHECK (recorded_at <= recorded_until),
    CONSTRAINT deployment_has_a_project FOREIGN KEY (project_id)
    REFERENCES project (project_id) ON DELETE RESTRICT,
    CONSTRAINT deployment_is_of_a_component FOREIGN KEY (component_id)
    REFERENCES component (component_id) ON DELETE RESTRICT,
    CONSTRAINT deployment_is_on_an_aircraft FOREIGN KEY (aircraft_id)
    REFERENCES aircraft (aircraft_id) ON DELETE RESTRICT,
    CONSTRAINT deployment_is_at_a_place FOREIGN KEY (measurement_location_id)
    REFERENCES measurement_location (measurement_location_id) ON DELETE RESTRICT,
    CONSTRAINT deployment_has_one_target CHECK ((aircraft_id IS NULL) <> (measurement_location_id IS NULL))
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin
COMMENT = 'deployments of components, with all their corrections';

-- One row is a campaign of a project.
CREATE TABLE IF NOT EXISTS campaign (
    campaign_id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT COMMENT 'number',
    project_id BIGINT UNSIGNED NOT NULL COMMENT 'project',
    name VARCHAR(32) NOT NULL COMMENT 'short name',
    start_at DATETIME NOT NULL COMMENT 'when it began (UTC)',
    end_at DATETIME NULL COMMENT 'when it ended; NULL: going on (UTC)',
    description VARCHAR(1000) NOT NULL DEFAULT '' COMMENT 'what a person should know',
    created_at DATETIME(6) NOT NULL COMMENT 'when the row was written (UTC)',
    created_by VARCHAR(64) NOT NULL COMMENT 'who wrote it: login, or automatic',
    PRIMARY KEY (campaign_id),
    UNIQUE KEY campaign_once (name),
    CONSTRAINT campaign_has_a_project FOREIGN KEY (project_id)
    REFERENCES project (project_id) ON DELETE RESTRICT,
    CONSTRAINT campaign_ends_after_start CHECK (start_at < end_at)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin
COMMENT = 'campaigns';

-- One row says that a deployment belongs to a campaign. Deployments are named, for a corrected one is another row.
CREATE TABLE IF NOT EXISTS campaign_deployment (
    campaign_deployment_id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT COMMENT 'number',
    campaign_id BIGINT UNSIGNED NOT NULL COMMENT 'campaign',
    deployment VARCHAR(32) NOT NULL COMMENT 'internal number of the deployment',
    created_at DATETIME(6) NOT NULL COMMENT 'when the row was written (UTC)',
    created_by VARCHAR(64) NOT NULL COMMENT 'who wrote it: login, or automatic',
    PRIMARY KEY (campaign_deployment_id),
    UNIQUE KEY campaign_deployment_once (campaign_id, deployment),
    CONSTRAINT campaign_deployment_has_a_campaign FOREIGN KEY (campaign_id)
    REFERENCES campaign (campaign_id) ON DELETE RESTRICT
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin
COMMENT = 'deployments of campaigns';

-- One row is one flight of an equipped aircraft.
CREATE TABLE IF NOT EXISTS flight (
    flight_id CHAR(16) NOT NULL COMMENT 'departure YYYYMMDDhhmmss (UTC) and aircraft',
    aircraft_id BIGINT UNSIGNED NOT NULL COMMENT 'aircraft',
    registration_code VARCHAR(16) NOT NULL COMMENT 'registration of the aircraft when the flight was noted',
    departure_airport VARCHAR(4) NOT NULL COMMENT 'IATA code (or ICAO) of the airport',
    departure_at DATETIME NOT NULL COMMENT 'take-off (UTC)',
    arrival_airport VARCHAR(4) NOT NULL COMMENT 'IATA code (or ICAO) of the airport',
    arrival_at DATETIME NOT NULL COMMENT 'landing (UTC)',
    flight_no VARCHAR(8) NOT NULL DEFAULT '' COMMENT 'number the airline gives; empty: not said',
    created_at DATETIME(6) NOT NULL COMMENT 'when the row was written (UTC)',
    created_by VARCHAR(64) NOT NULL COMMENT 'who wrote it: login, or automatic',
    PERIOD FOR in_the_air (departure_at, arrival_at),
    PRIMARY KEY (flight_id),
    UNIQUE KEY flight_one_at_a_time (aircraft_id, in_the_air WITHOUT OVERLAPS),
    CONSTRAINT flight_has_an_aircraft FOREIGN KEY (aircraft_id)
    REFERENCES aircraft (aircraft_id) ON DELETE RESTRICT,
    CONSTRAINT flight_id_has_digits CHECK (flight_id REGEXP '^[0-9]{16}$')
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin
COMMENT = 'flights of equipped aircraft';

-- One row is a level of processing.
CREATE TABLE IF NOT EXISTS data_level (
    name VARCHAR(8) NOT NULL COMMENT 'Raw, L0, NRT, L1, L2',
    description VARCHAR(200) NOT NULL COMMENT 'what it means',
    PRIMARY KEY (name)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin
COMMENT = 'levels of processing';

INSERT IGNORE INTO data_level (name, description)
VALUES
('Raw', 'as written on board'),
('L0', 'physical units, automatic checks'),
('NRT', 'L0, exported without a human'),
('L1', 'validated by the PI'),
('L2', 'with the calibration after the deployment');

-- One row describes series, whatever their level or revision.
CREATE TABLE IF NOT EXISTS data_description (
    data_description_id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT COMMENT 'number',
    name VARCHAR(64) NOT NULL COMMENT 'variable',
    description VARCHAR(1000) NOT NULL COMMENT 'what it is',
    created_at DATETIME(6) NOT NULL COMMENT 'when the row was written (UTC)',
    created_by VARCHAR(64) NOT NULL COMMENT 'who wrote it: login, or automatic',
    PRIMARY KEY (data_description_id),
    UNIQUE KEY data_description_once (name)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin
COMMENT = 'descriptions of series';

-- One row is one change of a row of the other tables. Rows are added, never changed.
CREATE TABLE IF NOT EXISTS metadata_change (
    metadata_change_id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT COMMENT 'number',
    table_name VARCHAR(64) NOT NULL COMMENT 'table',
    row_key VARCHAR(250) NOT NULL COMMENT 'natural key of the row',
    old JSON NOT NULL COMMENT 'changed values before',
    new JSON NOT NULL COMMENT 'changed values after',
    changed_at DATETIME(6) NOT NULL COMMENT 'when (UTC)',
    changed_by VARCHAR(64) NOT NULL COMMENT 'who: login, or automatic',
    PRIMARY KEY (metadata_change_id),
    KEY metadata_change_of_row (table_name, row_key)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin
COMMENT = 'what was changed in the tables that keep no history of their own';
