-- Metadata of the CO2 network: sites, boxes, sensors, deployments, calibrations, cylinders, exclusions.
-- Original table and column names, so that existing queries go on working. All dates are UTC; an open
-- end is 2100-01-01. A period is [from, to). Missing values are NULL where the original had -999.
-- Left out because nobody ever filled or defined them: SensorUnits_Info, ProcessingParameters,
-- ref_cylinder (a transition table), reference_instrument, reference_instrument_deployment.

-- One row is one site at one position: a site that moves gets a second row.
CREATE TABLE IF NOT EXISTS Location (
    LocationName VARCHAR(64) NOT NULL COMMENT 'site code',
    Date_UTC_from DATETIME NOT NULL COMMENT 'first moment at this position (UTC)',
    Date_UTC_to DATETIME NOT NULL COMMENT 'end of validity of this position (UTC), 2100-01-01 if open',
    Y_LV03 DOUBLE NULL COMMENT 'easting in the Swiss grid LV03 [m]',
    X_LV03 DOUBLE NULL COMMENT 'northing in the Swiss grid LV03 [m]',
    h DOUBLE NULL COMMENT 'altitude of the ground above sea level [m]',
    LAT_WGS84 DOUBLE NULL COMMENT 'latitude, WGS84 [°]',
    LON_WGS84 DOUBLE NULL COMMENT 'longitude, WGS84 [°]',
    H_WGS84 DOUBLE NULL COMMENT 'height above the WGS84 ellipsoid [m]',
    Canton CHAR(2) NULL COMMENT 'Swiss canton, two-letter code',
    Network VARCHAR(32) NULL COMMENT 'operator: EMPA, METEOSWISS, NABEL, METAS, SWISSCOM or UNIBE',
    SiteType VARCHAR(64) NULL COMMENT 'kind of surroundings, free text',
    Address VARCHAR(255) NULL COMMENT 'free text',
    Contact VARCHAR(255) NULL COMMENT 'who gives access, free text',
    Remark TEXT NULL COMMENT 'free text',
    created_at TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3) COMMENT 'when this row was stored (UTC)',
    updated_at TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3) ON UPDATE CURRENT_TIMESTAMP(3)
    COMMENT 'when this row last changed (UTC)',
    PRIMARY KEY (LocationName, Date_UTC_from, Date_UTC_to),
    CONSTRAINT Location_ends_after_start CHECK (Date_UTC_to > Date_UTC_from)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_unicode_ci
COMMENT = 'sites and their positions';

-- One row is one box.
CREATE TABLE IF NOT EXISTS SensorUnits (
    SensorUnit_ID SMALLINT UNSIGNED NOT NULL COMMENT 'sensor unit: the LoRaWAN box, node in the source',
    created_at TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3) COMMENT 'when this row was stored (UTC)',
    updated_at TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3) ON UPDATE CURRENT_TIMESTAMP(3)
    COMMENT 'when this row last changed (UTC)',
    PRIMARY KEY (SensorUnit_ID)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_unicode_ci
COMMENT = 'the boxes that sensors sit in';

-- One row is one sensor during the time it sat in one box. A swap ends the old row and adds a new one.
CREATE TABLE IF NOT EXISTS Sensors (
    Type VARCHAR(32) NOT NULL COMMENT 'kind of sensor: LP8, HPP, Vaisala, Licor, picarro, ...',
    Serialnumber VARCHAR(64) NOT NULL COMMENT 'serial number by the manufacturer',
    SensorUnit_ID SMALLINT UNSIGNED NOT NULL COMMENT 'box it sat in',
    Date_UTC_from DATETIME NOT NULL COMMENT 'when it was put in (UTC)',
    Date_UTC_to DATETIME NOT NULL COMMENT 'when it was taken out (UTC), 2100-01-01 if it is still in',
    created_at TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3) COMMENT 'when this row was stored (UTC)',
    updated_at TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3) ON UPDATE CURRENT_TIMESTAMP(3)
    COMMENT 'when this row last changed (UTC)',
    PRIMARY KEY (Type, Serialnumber, Date_UTC_from),
    KEY Sensors_by_unit (SensorUnit_ID, Type),
    CONSTRAINT Sensors_unit_exists FOREIGN KEY (SensorUnit_ID) REFERENCES SensorUnits (SensorUnit_ID),
    CONSTRAINT Sensors_ends_after_start CHECK (Date_UTC_to > Date_UTC_from)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_unicode_ci
COMMENT = 'which sensor sat in which box, and when';

-- One row is one stay of a box at a site. A deployment is ended by its end date, never by removing the row.
CREATE TABLE IF NOT EXISTS Deployment (
    SensorUnit_ID SMALLINT UNSIGNED NOT NULL COMMENT 'box',
    LocationName VARCHAR(64) NOT NULL COMMENT 'site',
    Date_UTC_from DATETIME NOT NULL COMMENT 'begin of the stay (UTC)',
    Date_UTC_to DATETIME NOT NULL COMMENT 'end of the stay (UTC), 2100-01-01 if it lasts',
    cal_mode TINYINT UNSIGNED NULL
    COMMENT 'NULL in the field, 1 beside a reference, 2 in a climate chamber, 3 in a pressure chamber',
    HeightAboveGround DOUBLE NULL COMMENT 'mounting height above ground [m]',
    Inlet_HeightAboveGround DOUBLE NULL COMMENT 'height of the air inlet above ground [m]',
    orientation DOUBLE NULL COMMENT 'direction the box faces, as entered',
    created_at TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3) COMMENT 'when this row was stored (UTC)',
    updated_at TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3) ON UPDATE CURRENT_TIMESTAMP(3)
    COMMENT 'when this row last changed (UTC)',
    PRIMARY KEY (SensorUnit_ID, Date_UTC_from, Date_UTC_to),
    KEY Deployment_by_site (LocationName),
    CONSTRAINT Deployment_site_exists FOREIGN KEY (LocationName) REFERENCES Location (LocationName),
    CONSTRAINT Deployment_unit_exists FOREIGN KEY (SensorUnit_ID) REFERENCES SensorUnits (SensorUnit_ID),
    CONSTRAINT Deployment_ends_after_start CHECK (Date_UTC_to > Date_UTC_from)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_unicode_ci
COMMENT = 'which box was where, and when';

-- One row is one period whose data calibrate the sensor in a box.
CREATE TABLE IF NOT EXISTS Calibration (
    SensorUnit_ID SMALLINT UNSIGNED NOT NULL COMMENT 'box',
    LocationName VARCHAR(64) NOT NULL COMMENT 'site of the reference',
    Date_UTC_from DATETIME NOT NULL COMMENT 'begin of the period (UTC)',
    Date_UTC_to DATETIME NOT NULL COMMENT 'end of the period (UTC), 2100-01-01 if it lasts',
    CalMode TINYINT UNSIGNED NOT NULL
    COMMENT '1 beside a reference, 2 climate chamber, 3 pressure chamber; also 11, 12, 13, 22, 23, 91',
    DBTableNameRefData VARCHAR(64) NOT NULL COMMENT 'table that holds the reference data',
    created_at TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3) COMMENT 'when this row was stored (UTC)',
    updated_at TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3) ON UPDATE CURRENT_TIMESTAMP(3)
    COMMENT 'when this row last changed (UTC)',
    PRIMARY KEY (SensorUnit_ID, Date_UTC_from, Date_UTC_to),
    KEY Calibration_by_site (LocationName),
    CONSTRAINT Calibration_site_exists FOREIGN KEY (LocationName) REFERENCES Location (LocationName),
    CONSTRAINT Calibration_unit_exists FOREIGN KEY (SensorUnit_ID) REFERENCES SensorUnits (SensorUnit_ID),
    CONSTRAINT Calibration_ends_after_start CHECK (Date_UTC_to > Date_UTC_from)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_unicode_ci
COMMENT = 'periods that calibrate the sensor in a box';

-- One row is one known malfunction of a sensor.
CREATE TABLE IF NOT EXISTS SensorExclusionPeriods (
    Type VARCHAR(32) NOT NULL COMMENT 'as in Sensors',
    Serialnumber VARCHAR(64) NOT NULL COMMENT 'as in Sensors',
    SensorUnit_ID SMALLINT UNSIGNED NOT NULL COMMENT 'box it sat in',
    Date_UTC_from DATETIME NOT NULL COMMENT 'begin of the malfunction (UTC)',
    Date_UTC_to DATETIME NOT NULL COMMENT 'end of the malfunction (UTC), 2100-01-01 if it lasts',
    Reason TEXT NULL COMMENT 'what was wrong',
    created_at TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3) COMMENT 'when this row was stored (UTC)',
    updated_at TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3) ON UPDATE CURRENT_TIMESTAMP(3)
    COMMENT 'when this row last changed (UTC)',
    PRIMARY KEY (Type, Serialnumber, SensorUnit_ID, Date_UTC_from),
    KEY SensorExclusionPeriods_by_unit (SensorUnit_ID),
    CONSTRAINT SensorExclusionPeriods_unit_exists
    FOREIGN KEY (SensorUnit_ID) REFERENCES SensorUnits (SensorUnit_ID),
    CONSTRAINT SensorExclusionPeriods_ends_after_start CHECK (Date_UTC_to > Date_UTC_from)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_unicode_ci
COMMENT = 'when the values of a sensor must not be used';

-- One row is one period in which one quantity of a reference site must not be used.
CREATE TABLE IF NOT EXISTS RefMeasExclusionPeriods (
    LocationName VARCHAR(64) NOT NULL COMMENT 'reference site',
    Measurement VARCHAR(64) NOT NULL COMMENT 'column of the reference table, such as CO2',
    Date_UTC_from DATETIME NOT NULL COMMENT 'begin of the period (UTC)',
    Date_UTC_to DATETIME NOT NULL COMMENT 'end of the period (UTC), 2100-01-01 if it lasts',
    created_at TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3) COMMENT 'when this row was stored (UTC)',
    updated_at TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3) ON UPDATE CURRENT_TIMESTAMP(3)
    COMMENT 'when this row last changed (UTC)',
    PRIMARY KEY (LocationName, Measurement, Date_UTC_from),
    CONSTRAINT RefMeasExclusionPeriods_ends_after_start CHECK (Date_UTC_to > Date_UTC_from)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_unicode_ci
COMMENT = 'when a quantity of a reference site must not be used';

-- One row is one period in which one quantity of a MeteoSwiss station must not be used.
CREATE TABLE IF NOT EXISTS MCHMeasExclusionPeriods (
    LocationName VARCHAR(64) NOT NULL COMMENT 'MeteoSwiss station',
    Measurement VARCHAR(64) NOT NULL COMMENT 'column of the meteorological table, such as Windspeed',
    Date_UTC_from DATETIME NOT NULL COMMENT 'begin of the period (UTC)',
    Date_UTC_to DATETIME NOT NULL COMMENT 'end of the period (UTC), 2100-01-01 if it lasts',
    created_at TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3) COMMENT 'when this row was stored (UTC)',
    updated_at TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3) ON UPDATE CURRENT_TIMESTAMP(3)
    COMMENT 'when this row last changed (UTC)',
    PRIMARY KEY (LocationName, Measurement, Date_UTC_from),
    CONSTRAINT MCHMeasExclusionPeriods_ends_after_start CHECK (Date_UTC_to > Date_UTC_from)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_unicode_ci
COMMENT = 'when a quantity of a MeteoSwiss station must not be used';

-- One row is one fill of one cylinder.
CREATE TABLE IF NOT EXISTS RefGasCylinder (
    CylinderID VARCHAR(64) NOT NULL COMMENT 'cylinder',
    Date_UTC_from DATETIME NOT NULL COMMENT 'begin of validity of the fill (UTC)',
    Date_UTC_to DATETIME NOT NULL COMMENT 'end of validity of the fill (UTC), 2100-01-01 if open',
    CO2 DOUBLE NULL COMMENT 'CO2 in dry air [ppm]',
    pressure DOUBLE NULL COMMENT 'pressure when filled [bar]',
    created_at TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3) COMMENT 'when this row was stored (UTC)',
    updated_at TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3) ON UPDATE CURRENT_TIMESTAMP(3)
    COMMENT 'when this row last changed (UTC)',
    PRIMARY KEY (CylinderID, Date_UTC_from),
    CONSTRAINT RefGasCylinder_ends_after_start CHECK (Date_UTC_to > Date_UTC_from)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_unicode_ci
COMMENT = 'fills of reference cylinders, older bookkeeping';

-- One row is one stay of a cylinder at a box.
CREATE TABLE IF NOT EXISTS RefGasCylinder_Deployment (
    CylinderID VARCHAR(64) NOT NULL COMMENT 'cylinder',
    SensorUnit_ID SMALLINT UNSIGNED NULL COMMENT 'box it was connected to, NULL if none (originally -999)',
    LocationName VARCHAR(64) NULL COMMENT 'site',
    Date_UTC_from DATETIME NOT NULL COMMENT 'begin of the stay (UTC)',
    Date_UTC_to DATETIME NOT NULL COMMENT 'end of the stay (UTC), 2100-01-01 if it lasts',
    created_at TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3) COMMENT 'when this row was stored (UTC)',
    updated_at TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3) ON UPDATE CURRENT_TIMESTAMP(3)
    COMMENT 'when this row last changed (UTC)',
    PRIMARY KEY (CylinderID, Date_UTC_from),
    KEY RefGasCylinder_Deployment_by_unit (SensorUnit_ID),
    CONSTRAINT RefGasCylinder_Deployment_cylinder_exists
    FOREIGN KEY (CylinderID) REFERENCES RefGasCylinder (CylinderID),
    CONSTRAINT RefGasCylinder_Deployment_unit_exists
    FOREIGN KEY (SensorUnit_ID) REFERENCES SensorUnits (SensorUnit_ID),
    CONSTRAINT RefGasCylinder_Deployment_ends_after_start CHECK (Date_UTC_to > Date_UTC_from)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_unicode_ci
COMMENT = 'which cylinder fed which box, older bookkeeping';

-- One row is one time of ownership of one cylinder.
CREATE TABLE IF NOT EXISTS ref_gas_cylinder (
    cylinder_id VARCHAR(64) NOT NULL COMMENT 'cylinder',
    `start` DATETIME NOT NULL COMMENT 'begin of use (UTC)',
    `end` DATETIME NOT NULL COMMENT 'end of use (UTC), 2100-01-01 if in use',
    volume DOUBLE NULL COMMENT 'volume of the cylinder [L]',
    test_valid_to DATETIME NULL COMMENT 'end of validity of the pressure test (UTC)',
    owner VARCHAR(64) NULL COMMENT 'whose cylinder it is',
    created_at TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3) COMMENT 'when this row was stored (UTC)',
    updated_at TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3) ON UPDATE CURRENT_TIMESTAMP(3)
    COMMENT 'when this row last changed (UTC)',
    PRIMARY KEY (cylinder_id, `start`, `end`),
    CONSTRAINT ref_gas_cylinder_ends_after_start CHECK (`end` > `start`)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_unicode_ci
COMMENT = 'reference cylinders';

-- One row is one analysis of one fill of a cylinder.
CREATE TABLE IF NOT EXISTS ref_gas_cylinder_analysis (
    cylinder_id VARCHAR(64) NOT NULL COMMENT 'cylinder',
    analysed DATETIME NOT NULL COMMENT 'when the gas was analysed (UTC)',
    fill_from DATETIME NOT NULL COMMENT 'when the cylinder was filled (UTC)',
    fill_to DATETIME NOT NULL COMMENT 'when the next fill replaced it (UTC), 2100-01-01 if it is the last',
    fillnr VARCHAR(16) NULL COMMENT 'name of the fill, its date as yymmdd',
    CO2 DOUBLE NULL COMMENT 'CO2 in dry air [ppm]',
    CO2_sd DOUBLE NULL COMMENT 'standard deviation of CO2 [ppm]',
    H2O DOUBLE NULL COMMENT 'water vapour by volume [%]',
    H2O_sd DOUBLE NULL COMMENT 'standard deviation of H2O [%]',
    pressure DOUBLE NULL COMMENT 'pressure when filled [bar]',
    measured_by VARCHAR(64) NULL COMMENT 'who analysed',
    comments TEXT NULL COMMENT 'free text',
    created_at TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3) COMMENT 'when this row was stored (UTC)',
    updated_at TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3) ON UPDATE CURRENT_TIMESTAMP(3)
    COMMENT 'when this row last changed (UTC)',
    PRIMARY KEY (cylinder_id, analysed, fill_from, fill_to),
    CONSTRAINT ref_gas_cylinder_analysis_cylinder_exists
    FOREIGN KEY (cylinder_id) REFERENCES ref_gas_cylinder (cylinder_id),
    CONSTRAINT ref_gas_cylinder_analysis_ends_after_start CHECK (fill_to > fill_from)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_unicode_ci
COMMENT = 'what the fills of the reference cylinders contain';

-- One row is one stay of a cylinder at one inlet of a box.
CREATE TABLE IF NOT EXISTS cylinder_deployment (
    cylinder_id VARCHAR(64) NOT NULL COMMENT 'cylinder',
    Date_UTC_from DATETIME NOT NULL COMMENT 'begin of the stay (UTC)',
    Date_UTC_to DATETIME NOT NULL COMMENT 'end of the stay (UTC), 2100-01-01 if it lasts',
    SensorUnit_ID SMALLINT UNSIGNED NOT NULL COMMENT 'box',
    LocationName VARCHAR(64) NULL COMMENT 'site',
    inlet CHAR(1) NULL COMMENT 'inlet of the box: a or b',
    created_at TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3) COMMENT 'when this row was stored (UTC)',
    updated_at TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3) ON UPDATE CURRENT_TIMESTAMP(3)
    COMMENT 'when this row last changed (UTC)',
    PRIMARY KEY (cylinder_id, Date_UTC_from, Date_UTC_to, SensorUnit_ID),
    KEY cylinder_deployment_by_unit (SensorUnit_ID, inlet),
    CONSTRAINT cylinder_deployment_cylinder_exists
    FOREIGN KEY (cylinder_id) REFERENCES ref_gas_cylinder (cylinder_id),
    CONSTRAINT cylinder_deployment_unit_exists
    FOREIGN KEY (SensorUnit_ID) REFERENCES SensorUnits (SensorUnit_ID),
    CONSTRAINT cylinder_deployment_inlet_is_known CHECK (inlet IN ('a', 'b')),
    CONSTRAINT cylinder_deployment_ends_after_start CHECK (Date_UTC_to > Date_UTC_from)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_unicode_ci
COMMENT = 'which cylinder feeds which inlet of which box, and when';

-- One row is one period in which a cylinder at a box must not be used.
CREATE TABLE IF NOT EXISTS RefGasCylinderExclusionPeriods (
    cylinder_ID VARCHAR(64) NOT NULL COMMENT 'cylinder',
    SensorUnit_ID SMALLINT UNSIGNED NOT NULL COMMENT 'box',
    Location VARCHAR(64) NULL COMMENT 'site',
    Date_UTC_from DATETIME NOT NULL COMMENT 'begin of the period (UTC)',
    Date_UTC_to DATETIME NOT NULL COMMENT 'end of the period (UTC), 2100-01-01 if it lasts',
    reason TEXT NULL COMMENT 'what was wrong',
    created_at TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3) COMMENT 'when this row was stored (UTC)',
    updated_at TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3) ON UPDATE CURRENT_TIMESTAMP(3)
    COMMENT 'when this row last changed (UTC)',
    PRIMARY KEY (cylinder_ID, SensorUnit_ID, Date_UTC_from),
    KEY RefGasCylinderExclusionPeriods_by_unit (SensorUnit_ID),
    CONSTRAINT RefGasCylinderExclusionPeriods_unit_exists
    FOREIGN KEY (SensorUnit_ID) REFERENCES SensorUnits (SensorUnit_ID),
    CONSTRAINT RefGasCylinderExclusionPeriods_ends_after_start CHECK (Date_UTC_to > Date_UTC_from)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_unicode_ci
COMMENT = 'when the measurements of a cylinder at a box must not be used';

-- One row is one measurement of a cylinder by the sensor in a box.
CREATE TABLE IF NOT EXISTS cylinder_test_summaries (
    cylinder_id VARCHAR(64) NOT NULL COMMENT 'cylinder',
    SensorUnit_ID SMALLINT UNSIGNED NOT NULL COMMENT 'box',
    date_start DATETIME NOT NULL COMMENT 'when the valve opened (UTC)',
    date_end DATETIME NOT NULL COMMENT 'when the valve closed (UTC)',
    LocationName VARCHAR(64) NULL COMMENT 'site',
    inlet CHAR(1) NULL COMMENT 'inlet of the box: a or b',
    duration INT UNSIGNED NULL COMMENT 'time the valve was open [s]',
    value_reference DOUBLE NULL COMMENT 'CO2 of the cylinder by its analysis [ppm]',
    value DOUBLE NULL COMMENT 'median of CO2 by the sensor [ppm]',
    rh DOUBLE NULL COMMENT 'median of relative humidity in the box [%]',
    value_delta DOUBLE NULL COMMENT 'value_reference - value [ppm]',
    variable VARCHAR(64) NULL COMMENT 'quantity of the sensor that was compared, such as co2_rep',
    period_exclude BOOLEAN NULL COMMENT '1 if it lies in an exclusion period',
    period_valid BOOLEAN NULL COMMENT '1 if it may be used',
    created_at TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3) COMMENT 'when this row was stored (UTC)',
    updated_at TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3) ON UPDATE CURRENT_TIMESTAMP(3)
    COMMENT 'when this row last changed (UTC)',
    PRIMARY KEY (cylinder_id, SensorUnit_ID, date_start, date_end),
    KEY cylinder_test_summaries_by_unit (SensorUnit_ID),
    CONSTRAINT cylinder_test_summaries_unit_exists
    FOREIGN KEY (SensorUnit_ID) REFERENCES SensorUnits (SensorUnit_ID),
    CONSTRAINT cylinder_test_summaries_inlet_is_known CHECK (inlet IN ('a', 'b')),
    CONSTRAINT cylinder_test_summaries_ends_after_start CHECK (date_end > date_start)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_unicode_ci
COMMENT = 'what the sensors made of the reference cylinders';
