-- Raw telegrams of the four kinds of boxes, as the source sends them: not calibrated, not flagged.
-- Original table and column names; measured quantities are DOUBLE (FLOAT would show 6 digits) and NULL when
-- missing, also battery, valves and status, where 0 has a meaning. The ledger row of a telegram is found by
-- dataset, unit and UTC day. Comments of the value columns are those of the mappings, with the unit: [1] has none.

-- One row is one telegram of one box.
CREATE TABLE IF NOT EXISTS lp8_data (
    SensorUnit_ID SMALLINT UNSIGNED NOT NULL COMMENT 'box that sent it',
    `time` INT UNSIGNED NOT NULL COMMENT 'when it was sent, Unix time [s]',
    battery DOUBLE NULL COMMENT 'battery voltage of the box [V]',
    senseair_lp8_temperature DOUBLE NULL COMMENT 'temperature in the CO2 sensor, mean [°C]',
    senseair_lp8_temperature_last DOUBLE NULL
    COMMENT 'temperature in the CO2 sensor, latest measurement [°C]',
    sensirion_sht21_temperature DOUBLE NULL COMMENT 'air temperature in the box, mean [°C]',
    sensirion_sht21_temperature_last DOUBLE NULL
    COMMENT 'air temperature in the box, latest measurement [°C]',
    sensirion_sht21_humidity DOUBLE NULL COMMENT 'relative humidity in the box [%]',
    senseair_lp8_vcap1 DOUBLE NULL COMMENT 'capacitor voltage, first reading [V]',
    senseair_lp8_vcap2 DOUBLE NULL COMMENT 'capacitor voltage, second reading [V]',
    senseair_lp8_co2 DOUBLE NULL COMMENT 'CO2 by the factory calibration, mean [ppm]',
    senseair_lp8_co2_filtered DOUBLE NULL
    COMMENT 'CO2 by the factory calibration, filtered by the sensor [ppm]',
    senseair_lp8_co2_last DOUBLE NULL COMMENT 'CO2 by the factory calibration, latest measurement [ppm]',
    senseair_lp8_ir DOUBLE NULL COMMENT 'infrared signal, mean [counts]',
    senseair_lp8_ir_filtered DOUBLE NULL COMMENT 'infrared signal, filtered by the sensor [counts]',
    senseair_lp8_ir_last DOUBLE NULL COMMENT 'infrared signal, latest measurement [counts]',
    senseair_lp8_status SMALLINT UNSIGNED NULL COMMENT 'status bits of the CO2 sensor, 0 is good [1]',
    created_at TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3) COMMENT 'when this row was stored (UTC)',
    updated_at TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3) ON UPDATE CURRENT_TIMESTAMP(3)
    COMMENT 'when this row last changed (UTC)',
    PRIMARY KEY (SensorUnit_ID, `time`),
    CONSTRAINT lp8_data_unit_exists FOREIGN KEY (SensorUnit_ID) REFERENCES SensorUnits (SensorUnit_ID)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_unicode_ci
COMMENT = 'raw telegrams of LP8 boxes';

-- One row is one telegram of one box.
CREATE TABLE IF NOT EXISTS hpp_data (
    SensorUnit_ID SMALLINT UNSIGNED NOT NULL COMMENT 'box that sent it',
    `time` INT UNSIGNED NOT NULL COMMENT 'when it was sent, Unix time [s]',
    battery DOUBLE NULL COMMENT 'supply voltage of the box [V]',
    calibration_a TINYINT UNSIGNED NULL
    COMMENT 'valve to the cylinder at inlet a, 1 is open, 0 is closed [1]',
    calibration_b TINYINT UNSIGNED NULL
    COMMENT 'valve to the cylinder at inlet b, 1 is open, 0 is closed [1]',
    senseair_hpp_co2_filtered DOUBLE NULL
    COMMENT 'CO2 by the factory calibration, filtered by the sensor [ppm]',
    senseair_hpp_ir_signal DOUBLE NULL COMMENT 'infrared signal [1]',
    senseair_hpp_lpl_signal DOUBLE NULL COMMENT 'infrared signal of the long path [1]',
    senseair_hpp_ntc5_diff_temp DOUBLE NULL COMMENT 'temperature by thermistor 5, differential [°C]',
    senseair_hpp_ntc6_se_temp DOUBLE NULL COMMENT 'temperature by thermistor 6, single-ended [°C]',
    senseair_hpp_pressure_filtered DOUBLE NULL
    COMMENT 'air pressure in the sensor, filtered by the sensor [Pa]',
    senseair_hpp_status INT UNSIGNED NULL COMMENT 'status bits of the CO2 sensor, 0 is good [1]',
    senseair_hpp_temperature_detector DOUBLE NULL COMMENT 'temperature of the infrared detector [°C]',
    senseair_hpp_temperature_mcu DOUBLE NULL COMMENT 'temperature of the controller [°C]',
    sensirion_sht21_temperature DOUBLE NULL COMMENT 'air temperature in the box [°C]',
    sensirion_sht21_humidity DOUBLE NULL COMMENT 'relative humidity in the box [%]',
    created_at TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3) COMMENT 'when this row was stored (UTC)',
    updated_at TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3) ON UPDATE CURRENT_TIMESTAMP(3)
    COMMENT 'when this row last changed (UTC)',
    PRIMARY KEY (SensorUnit_ID, `time`),
    CONSTRAINT hpp_data_unit_exists FOREIGN KEY (SensorUnit_ID) REFERENCES SensorUnits (SensorUnit_ID)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_unicode_ci
COMMENT = 'raw telegrams of HPP boxes';

-- One row is one telegram of one box.
CREATE TABLE IF NOT EXISTS vaisala_data (
    SensorUnit_ID SMALLINT UNSIGNED NOT NULL COMMENT 'box that sent it',
    `time` INT UNSIGNED NOT NULL COMMENT 'when it was sent, Unix time [s]',
    battery DOUBLE NULL COMMENT 'supply voltage of the box [V]',
    calibration_a TINYINT UNSIGNED NULL
    COMMENT 'valve to the cylinder at inlet a, 1 is open, 0 is closed [1]',
    calibration_b TINYINT UNSIGNED NULL
    COMMENT 'valve to the cylinder at inlet b, 1 is open, 0 is closed [1]',
    vaisala_gmp343_co2 DOUBLE NULL COMMENT 'CO2 by the factory calibration [ppm]',
    vaisala_gmp343_temperature DOUBLE NULL COMMENT 'temperature in the probe [°C]',
    bosch_bmp280_pressure DOUBLE NULL COMMENT 'air pressure in the box [Pa]',
    sensirion_sht21_temperature DOUBLE NULL COMMENT 'air temperature by the SHT21 in the box [°C]',
    sensirion_sht21_humidity DOUBLE NULL COMMENT 'relative humidity by the SHT21 in the box [%]',
    sensirion_sht30_temperature DOUBLE NULL COMMENT 'air temperature by the SHT30 in the box [°C]',
    sensirion_sht30_humidity DOUBLE NULL COMMENT 'relative humidity by the SHT30 in the box [%]',
    created_at TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3) COMMENT 'when this row was stored (UTC)',
    updated_at TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3) ON UPDATE CURRENT_TIMESTAMP(3)
    COMMENT 'when this row last changed (UTC)',
    PRIMARY KEY (SensorUnit_ID, `time`),
    CONSTRAINT vaisala_data_unit_exists FOREIGN KEY (SensorUnit_ID) REFERENCES SensorUnits (SensorUnit_ID)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_unicode_ci
COMMENT = 'raw telegrams of Vaisala boxes';

-- One row is one telegram of one box.
CREATE TABLE IF NOT EXISTS licor_data (
    SensorUnit_ID SMALLINT UNSIGNED NOT NULL COMMENT 'box that sent it',
    `time` INT UNSIGNED NOT NULL COMMENT 'when it was sent, Unix time [s]',
    battery DOUBLE NULL COMMENT 'supply voltage of the box [V]',
    calibration_a TINYINT UNSIGNED NULL
    COMMENT 'valve to the cylinder at inlet a, 1 is open, 0 is closed [1]',
    calibration_b TINYINT UNSIGNED NULL
    COMMENT 'valve to the cylinder at inlet b, 1 is open, 0 is closed [1]',
    licor_li850_co2 DOUBLE NULL COMMENT 'CO2 by the factory calibration [ppm]',
    licor_li850_co2_absorption DOUBLE NULL COMMENT 'absorption in the CO2 band [1]',
    licor_li850_h2o DOUBLE NULL COMMENT 'water vapour by the factory calibration [mmol/mol]',
    licor_li850_h2o_absorption DOUBLE NULL COMMENT 'absorption in the H2O band [1]',
    licor_li850_h2o_dew_point DOUBLE NULL COMMENT 'dew point by the analyser [°C]',
    licor_li850_cell_pressure DOUBLE NULL COMMENT 'pressure in the optical cell [kPa]',
    licor_li850_cell_temperature DOUBLE NULL COMMENT 'temperature of the optical cell [°C]',
    licor_li850_flow_rate DOUBLE NULL COMMENT 'flow through the optical cell [L/min]',
    bosch_bmp280_pressure DOUBLE NULL COMMENT 'air pressure in the box [Pa]',
    sensirion_sht21_temperature DOUBLE NULL COMMENT 'air temperature by the SHT21 in the box [°C]',
    sensirion_sht21_humidity DOUBLE NULL COMMENT 'relative humidity by the SHT21 in the box [%]',
    sensirion_sht30_temperature DOUBLE NULL COMMENT 'air temperature by the SHT30 in the box [°C]',
    sensirion_sht30_humidity DOUBLE NULL COMMENT 'relative humidity by the SHT30 in the box [%]',
    created_at TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3) COMMENT 'when this row was stored (UTC)',
    updated_at TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3) ON UPDATE CURRENT_TIMESTAMP(3)
    COMMENT 'when this row last changed (UTC)',
    PRIMARY KEY (SensorUnit_ID, `time`),
    CONSTRAINT licor_data_unit_exists FOREIGN KEY (SensorUnit_ID) REFERENCES SensorUnits (SensorUnit_ID)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_unicode_ci
COMMENT = 'raw telegrams of Licor boxes';
