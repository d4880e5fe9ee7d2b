-- Index and statistics of the series that are kept as Parquet.

-- One row is one file: all series of a flight of an instrument, at one level.
CREATE TABLE IF NOT EXISTS series_file (
    series_file_id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT COMMENT 'number',
    flight_id CHAR(16) NOT NULL COMMENT 'as in flight_state',
    instrument_type VARCHAR(8) NOT NULL COMMENT 'as in flight_state',
    revision SMALLINT UNSIGNED NOT NULL COMMENT 'delivery of the data of this flight [1]',
    level VARCHAR(8) NOT NULL COMMENT 'L0, NRT, L1, L2',
    version VARCHAR(24) NOT NULL COMMENT 'x.y.z of a released product; empty: not released, may be made again',
    path VARCHAR(255) NOT NULL COMMENT 'of the Parquet file, below the data root',
    bytes BIGINT UNSIGNED NOT NULL COMMENT 'size of the file [byte]',
    sha256 CHAR(64) NOT NULL COMMENT 'of the file',
    digest CHAR(64) NOT NULL COMMENT 'of times, values, flags and provenance: what a decision speaks of',
    rows_kept INT UNSIGNED NOT NULL COMMENT 'points of time [1]',
    interval_s DOUBLE NOT NULL COMMENT 'from point to point [s]',
    first_utc DATETIME(3) NOT NULL COMMENT 'first point of time (UTC)',
    last_utc DATETIME(3) NOT NULL COMMENT 'last point of time (UTC)',
    process TINYINT UNSIGNED NOT NULL COMMENT 'how far values are processed: 0 raw, 1 intermediate, 2 final [1]',
    source_sha256 CHAR(64) NOT NULL COMMENT 'of the raw file that it was made from',
    calibration_ids VARCHAR(255) NOT NULL COMMENT 'calibrations used, by number, with commas',
    calibrations_as_of_utc DATETIME(6) NULL COMMENT 'what was known of calibrations then was used (UTC)',
    software VARCHAR(64) NOT NULL COMMENT 'name and version of the software that made it',
    run_id VARCHAR(250) NOT NULL COMMENT 'run that made it: an Airflow run id or cli',
    kept_at TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3) ON UPDATE CURRENT_TIMESTAMP(3)
    COMMENT 'when this row last changed (UTC)',
    PRIMARY KEY (series_file_id),
    UNIQUE KEY series_file_is_once (flight_id, instrument_type, revision, level, version),
    CONSTRAINT series_file_is_of_a_file FOREIGN KEY (flight_id, instrument_type, revision)
    REFERENCES flight_state (flight_id, instrument_type, revision)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin
COMMENT = 'files that hold the series of flights';

-- One row is one series of a file.
CREATE TABLE IF NOT EXISTS data_series (
    series_file_id BIGINT UNSIGNED NOT NULL COMMENT 'as in series_file',
    variable VARCHAR(32) NOT NULL COMMENT 'name of the variable, as in include/config/iagos/variables.yaml',
    unit VARCHAR(16) NOT NULL COMMENT 'of the values',
    n_good INT UNSIGNED NOT NULL COMMENT 'points with validity 0 [1]',
    n_limited INT UNSIGNED NOT NULL COMMENT 'points with validity 2 [1]',
    n_erroneous INT UNSIGNED NOT NULL COMMENT 'points with validity 3 [1]',
    n_not_validated INT UNSIGNED NOT NULL COMMENT 'points with validity 4 [1]',
    n_missing INT UNSIGNED NOT NULL COMMENT 'points with validity 7 [1]',
    min_good DOUBLE NULL COMMENT 'smallest good value [unit]',
    median_good DOUBLE NULL COMMENT 'median of good values [unit]',
    max_good DOUBLE NULL COMMENT 'largest good value [unit]',
    first_good_utc DATETIME(3) NULL COMMENT 'time of the first good value (UTC)',
    last_good_utc DATETIME(3) NULL COMMENT 'time of the last good value (UTC)',
    PRIMARY KEY (series_file_id, variable),
    CONSTRAINT data_series_is_of_a_file FOREIGN KEY (series_file_id) REFERENCES series_file (series_file_id)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin
COMMENT = 'what each series of a file holds';
