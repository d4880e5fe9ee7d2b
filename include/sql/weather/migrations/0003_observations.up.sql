-- What weather stations observed, in bins, and what is known of each station's day.
-- Variables, their names and units are those of the CF standard names; [1] has no unit. Flags: 1 good,
-- 2 not evaluated, 3 suspect, 4 fail, 9 missing. NULL is a value that is not published; its flag is 9.

-- One row is one bin of one product of one station.
CREATE TABLE IF NOT EXISTS observation (
    station VARCHAR(32) NOT NULL COMMENT 'member of the ledger, name of the configuration file',
    product VARCHAR(32) NOT NULL COMMENT 'bins_300s: bins of 300 s; raw_1s: every record',
    time_start_utc DATETIME NOT NULL COMMENT 'begin of the bin, included (UTC)',
    time_end_utc DATETIME NOT NULL COMMENT 'end of the bin, excluded (UTC)',
    `day` DATE NOT NULL COMMENT 'day of the station, partition of the ledger',
    n_expected INT UNSIGNED NOT NULL COMMENT 'rows that a full bin has',
    n_rows INT UNSIGNED NOT NULL COMMENT 'logger rows that were found, good or bad',
    coverage DOUBLE NOT NULL COMMENT 'n_rows by n_expected [1]',
    air_temperature_k DOUBLE NULL COMMENT 'air temperature [K]',
    air_temperature_k_flag TINYINT UNSIGNED NULL COMMENT 'flag of air_temperature_k, NULL: not measured here',
    relative_humidity DOUBLE NULL COMMENT 'relative humidity [1]',
    relative_humidity_flag TINYINT UNSIGNED NULL COMMENT 'flag of relative_humidity, NULL: not measured here',
    shortwave_w_m2 DOUBLE NULL COMMENT 'global shortwave radiation on a horizontal plane [W m-2]',
    shortwave_w_m2_flag TINYINT UNSIGNED NULL COMMENT 'flag of shortwave_w_m2, NULL: not measured here',
    photon_flux_mol_m2_s DOUBLE NULL COMMENT 'photosynthetic photon flux, 400 to 700 nm [mol m-2 s-1]',
    photon_flux_mol_m2_s_flag TINYINT UNSIGNED NULL
    COMMENT 'flag of photon_flux_mol_m2_s, NULL: not measured here',
    wind_speed_m_s DOUBLE NULL COMMENT 'wind speed, mean of the speeds [m s-1]',
    wind_speed_m_s_flag TINYINT UNSIGNED NULL COMMENT 'flag of wind_speed_m_s, NULL: not measured here',
    wind_from_direction_deg DOUBLE NULL COMMENT 'direction the mean wind vector comes from [degree]',
    wind_from_direction_deg_flag TINYINT UNSIGNED NULL
    COMMENT 'flag of wind_from_direction_deg, NULL: not measured here',
    wind_gust_m_s DOUBLE NULL COMMENT 'largest wind speed [m s-1]',
    wind_gust_m_s_flag TINYINT UNSIGNED NULL COMMENT 'flag of wind_gust_m_s, NULL: not measured here',
    eastward_wind_m_s DOUBLE NULL COMMENT 'eastward wind [m s-1]',
    eastward_wind_m_s_flag TINYINT UNSIGNED NULL COMMENT 'flag of eastward_wind_m_s, NULL: not measured here',
    northward_wind_m_s DOUBLE NULL COMMENT 'northward wind [m s-1]',
    northward_wind_m_s_flag TINYINT UNSIGNED NULL
    COMMENT 'flag of northward_wind_m_s, NULL: not measured here',
    resultant_wind_speed_m_s DOUBLE NULL COMMENT 'length of the mean wind vector [m s-1]',
    resultant_wind_speed_m_s_flag TINYINT UNSIGNED NULL
    COMMENT 'flag of resultant_wind_speed_m_s, NULL: not measured here',
    wind_steadiness DOUBLE NULL COMMENT 'length of the mean wind vector by mean wind speed [1]',
    wind_steadiness_flag TINYINT UNSIGNED NULL COMMENT 'flag of wind_steadiness, NULL: not measured here',
    wind_direction_sigma_deg DOUBLE NULL
    COMMENT 'standard deviation of the wind direction (Yamartino) [degree]',
    wind_direction_sigma_deg_flag TINYINT UNSIGNED NULL
    COMMENT 'flag of wind_direction_sigma_deg, NULL: not measured here',
    rainfall_amount_m DOUBLE NULL COMMENT 'rainfall [m]',
    rainfall_amount_m_flag TINYINT UNSIGNED NULL COMMENT 'flag of rainfall_amount_m, NULL: not measured here',
    rainfall_rate_m_s DOUBLE NULL COMMENT 'rainfall rate [m s-1]',
    rainfall_rate_m_s_flag TINYINT UNSIGNED NULL COMMENT 'flag of rainfall_rate_m_s, NULL: not measured here',
    air_pressure_pa DOUBLE NULL COMMENT 'air pressure at the station [Pa]',
    air_pressure_pa_flag TINYINT UNSIGNED NULL COMMENT 'flag of air_pressure_pa, NULL: not measured here',
    battery_voltage_v DOUBLE NULL COMMENT 'supply voltage of the logger [V]',
    battery_voltage_v_flag TINYINT UNSIGNED NULL COMMENT 'flag of battery_voltage_v, NULL: not measured here',
    logger_temperature_k DOUBLE NULL COMMENT 'temperature of the logger panel [K]',
    logger_temperature_k_flag TINYINT UNSIGNED NULL
    COMMENT 'flag of logger_temperature_k, NULL: not measured here',
    irrigation_volume_m3 DOUBLE NULL COMMENT 'irrigation water [m3]',
    irrigation_volume_m3_flag TINYINT UNSIGNED NULL
    COMMENT 'flag of irrigation_volume_m3, NULL: not measured here',
    irrigation_flux_kg_m2_s DOUBLE NULL COMMENT 'irrigation water by area and time [kg m-2 s-1]',
    irrigation_flux_kg_m2_s_flag TINYINT UNSIGNED NULL
    COMMENT 'flag of irrigation_flux_kg_m2_s, NULL: not measured here',
    created_at TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3) COMMENT 'when this row was stored (UTC)',
    updated_at TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3) ON UPDATE CURRENT_TIMESTAMP(3)
    COMMENT 'when this row last changed (UTC)',
    PRIMARY KEY (station, product, time_start_utc),
    KEY observation_by_day (station, `day`, product)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin
COMMENT = 'observations of weather stations in bins';

-- One row is one variable in one bin: what a person wants to know who doubts a value.
CREATE TABLE IF NOT EXISTS observation_statistic (
    station VARCHAR(32) NOT NULL COMMENT 'as in observation',
    product VARCHAR(32) NOT NULL COMMENT 'as in observation',
    time_start_utc DATETIME NOT NULL COMMENT 'as in observation',
    variable VARCHAR(64) NOT NULL COMMENT 'name of the variable, a CF standard name where there is one',
    `day` DATE NOT NULL COMMENT 'as in observation',
    minimum DOUBLE NULL COMMENT 'of the rows that entered the value, in the unit of the value',
    maximum DOUBLE NULL COMMENT 'of the rows that entered the value, in the unit of the value',
    standard_deviation DOUBLE NULL COMMENT 'of the sample, in the unit of the value',
    n_valid INT UNSIGNED NOT NULL COMMENT 'rows that entered the value',
    coverage DOUBLE NOT NULL COMMENT 'n_valid by the rows of a full bin [1]',
    tests BIGINT UNSIGNED NOT NULL
    COMMENT 'bit mask of the tests that objected to rows of the bin; names in station_day.report',
    PRIMARY KEY (station, product, time_start_utc, variable),
    KEY observation_statistic_by_day (station, `day`, product)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin
COMMENT = 'how each value of observation was made';

-- One row is one product of one station and day: its report, and the digests that show a change.
CREATE TABLE IF NOT EXISTS station_day (
    station VARCHAR(32) NOT NULL COMMENT 'as in observation',
    `day` DATE NOT NULL COMMENT 'day of the station, as in observation',
    product VARCHAR(32) NOT NULL COMMENT 'as in observation',
    coverage DOUBLE NOT NULL COMMENT 'distinct logger rows of the day by expected rows [1]',
    bins INT UNSIGNED NOT NULL COMMENT 'rows in observation',
    input_digest CHAR(64) NOT NULL COMMENT 'SHA-256 over the names and digests of the files that contributed',
    content_digest CHAR(64) NOT NULL COMMENT 'SHA-256 over the bins: equal bins have equal digests',
    config_digest CHAR(64) NOT NULL COMMENT 'as in ledger',
    netcdf_path VARCHAR(250) NULL COMMENT 'product file, below the data root; NULL: none of this product',
    netcdf_sha256 CHAR(64) NULL COMMENT 'SHA-256 of the product file',
    report MEDIUMTEXT NOT NULL
    COMMENT 'run report (JSON): files, gaps, events, segments, flags, tests, seconds',
    created_at TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3) COMMENT 'when this row was stored (UTC)',
    updated_at TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3) ON UPDATE CURRENT_TIMESTAMP(3)
    COMMENT 'when this row last changed (UTC)',
    PRIMARY KEY (station, `day`, product)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin
COMMENT = 'products of weather stations, day by day';
