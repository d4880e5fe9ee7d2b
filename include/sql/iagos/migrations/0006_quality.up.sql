-- Configurations, runs and results of quality control, and flags set by people. All times are UTC.

-- One row is one version of a configuration that was used. Rows are added, never changed.
CREATE TABLE IF NOT EXISTS qc_config (
    config_name VARCHAR(64) NOT NULL COMMENT 'name of the configuration',
    config_version INT UNSIGNED NOT NULL COMMENT 'its version [1]',
    digest CHAR(64) NOT NULL COMMENT 'SHA-256 (hex) of what it says, without explanations',
    content MEDIUMTEXT NOT NULL COMMENT 'the configuration (JSON)',
    first_used_utc DATETIME(3) NOT NULL COMMENT 'when it was used first (UTC)',
    PRIMARY KEY (config_name, config_version),
    CONSTRAINT qc_config_content_is_json CHECK (JSON_VALID(content))
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin
COMMENT = 'versions of quality configurations that were used';

-- One row is one verdict on the data of a flight file at one level. The same verdict again is the same row.
CREATE TABLE IF NOT EXISTS qc_run (
    qc_run_id INT UNSIGNED NOT NULL AUTO_INCREMENT COMMENT 'number',
    flight_id CHAR(16) NOT NULL COMMENT 'as in flight_state',
    instrument_type VARCHAR(8) NOT NULL COMMENT 'as in flight_state',
    revision SMALLINT UNSIGNED NOT NULL COMMENT 'as in flight_state [1]',
    data_level VARCHAR(4) NOT NULL COMMENT 'level of the data that were judged: L0, L2',
    config_name VARCHAR(64) NOT NULL COMMENT 'configuration',
    config_version INT UNSIGNED NOT NULL COMMENT 'its version [1]',
    input_digest CHAR(64) NOT NULL COMMENT 'SHA-256 (hex) of data, configuration and flags set by people',
    output_digest CHAR(64) NOT NULL COMMENT 'SHA-256 (hex) of all findings',
    data_digest CHAR(64) NOT NULL COMMENT 'SHA-256 (hex) of the data with their new validity: what a decision is about',
    path VARCHAR(255) NOT NULL COMMENT 'file with the results per point, below the data folder (Parquet)',
    sha256 CHAR(64) NOT NULL COMMENT 'SHA-256 (hex) of that file',
    made_at_utc DATETIME(3) NOT NULL COMMENT 'when it was made first (UTC)',
    run_id VARCHAR(250) NOT NULL COMMENT 'run that made it: an Airflow run id or cli',
    PRIMARY KEY (qc_run_id),
    UNIQUE KEY qc_run_verdict (flight_id, instrument_type, revision, data_level, output_digest),
    CONSTRAINT qc_run_is_of_a_file FOREIGN KEY (flight_id, instrument_type, revision)
    REFERENCES flight_state (flight_id, instrument_type, revision),
    CONSTRAINT qc_run_has_a_configuration FOREIGN KEY (config_name, config_version)
    REFERENCES qc_config (config_name, config_version)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin
COMMENT = 'verdicts of quality control';

-- One row is one variable of a verdict.
CREATE TABLE IF NOT EXISTS qc_variable (
    qc_run_id INT UNSIGNED NOT NULL COMMENT 'verdict',
    variable VARCHAR(64) NOT NULL COMMENT 'name of the variable',
    n_rows INT UNSIGNED NOT NULL COMMENT 'rows [1]',
    n_good INT UNSIGNED NOT NULL COMMENT 'rows with validity 0 [1]',
    n_limited INT UNSIGNED NOT NULL COMMENT 'rows with validity 2 [1]',
    n_erroneous INT UNSIGNED NOT NULL COMMENT 'rows with validity 3 [1]',
    n_not_validated INT UNSIGNED NOT NULL COMMENT 'rows with validity 4 [1]',
    n_missing INT UNSIGNED NOT NULL COMMENT 'rows with validity 7 [1]',
    lowest DOUBLE COMMENT 'smallest good value [unit of the variable]',
    median DOUBLE COMMENT 'median of good values [unit of the variable]',
    highest DOUBLE COMMENT 'largest good value [unit of the variable]',
    first_good_utc DATETIME(3) COMMENT 'time of the first good value (UTC)',
    last_good_utc DATETIME(3) COMMENT 'time of the last good value (UTC)',
    PRIMARY KEY (qc_run_id, variable),
    CONSTRAINT qc_variable_is_of_a_run FOREIGN KEY (qc_run_id) REFERENCES qc_run (qc_run_id)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin
COMMENT = 'variables of each verdict in numbers';

-- One row is what one test, or one rule, found in one variable.
CREATE TABLE IF NOT EXISTS qc_result (
    qc_run_id INT UNSIGNED NOT NULL COMMENT 'verdict',
    variable VARCHAR(64) NOT NULL COMMENT 'name of the variable',
    test VARCHAR(64) NOT NULL COMMENT 'name of the test or rule; manual: flags set by people',
    critical BOOLEAN NOT NULL COMMENT 'whether a failure of this test alone decides',
    n_suspect INT UNSIGNED NOT NULL COMMENT 'rows it doubts [1]',
    n_fail INT UNSIGNED NOT NULL COMMENT 'rows it refuses [1]',
    intervals MEDIUMTEXT NOT NULL COMMENT 'from when to when (Unix seconds) and how many rows: the longest (JSON)',
    intervals_left_out INT UNSIGNED NOT NULL COMMENT 'shorter intervals that are not listed [1]',
    worst_value DOUBLE COMMENT 'value it objects to most [unit of the variable]',
    worst_at_utc DATETIME(3) COMMENT 'time of that value (UTC)',
    PRIMARY KEY (qc_run_id, variable, test),
    CONSTRAINT qc_result_is_of_a_variable FOREIGN KEY (qc_run_id, variable)
    REFERENCES qc_variable (qc_run_id, variable),
    CONSTRAINT qc_result_intervals_are_json CHECK (JSON_VALID(intervals))
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin
COMMENT = 'what each test found';

-- One row is one flag that a person set over an interval. Rows are added, never changed: the last one counts.
CREATE TABLE IF NOT EXISTS flag_event (
    flag_event_id INT UNSIGNED NOT NULL AUTO_INCREMENT COMMENT 'number; rises in the order of setting',
    flight_id CHAR(16) NOT NULL COMMENT 'as in flight_state',
    instrument_type VARCHAR(8) NOT NULL COMMENT 'as in flight_state',
    revision SMALLINT UNSIGNED NOT NULL COMMENT 'as in flight_state [1]',
    variable VARCHAR(64) NOT NULL COMMENT 'name of the variable',
    start_utc DATETIME(3) NOT NULL COMMENT 'first instant (UTC)',
    end_utc DATETIME(3) NOT NULL COMMENT 'last instant; it belongs to the interval (UTC)',
    validity TINYINT UNSIGNED NOT NULL COMMENT 'new flag: 0 good, 2 limited, 3 erroneous, 4 as the tests say',
    reason VARCHAR(500) NOT NULL COMMENT 'why',
    person VARCHAR(64) NOT NULL COMMENT 'who (login)',
    set_at_utc DATETIME(3) NOT NULL COMMENT 'when it was set (UTC)',
    qc_run_id INT UNSIGNED COMMENT 'newest verdict at that time, which holds the old flags; none: there was none',
    PRIMARY KEY (flag_event_id),
    KEY flag_event_of_file (flight_id, instrument_type, revision, flag_event_id),
    CONSTRAINT flag_event_is_of_a_file FOREIGN KEY (flight_id, instrument_type, revision)
    REFERENCES flight_state (flight_id, instrument_type, revision),
    CONSTRAINT flag_event_follows_a_run FOREIGN KEY (qc_run_id) REFERENCES qc_run (qc_run_id),
    CONSTRAINT flag_event_validity_is_one CHECK (validity IN (0, 2, 3, 4)),
    CONSTRAINT flag_event_has_an_interval CHECK (start_utc <= end_utc),
    CONSTRAINT flag_event_has_a_reason CHECK (TRIM(reason) != ''),
    CONSTRAINT flag_event_has_a_person CHECK (TRIM(person) != '')
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin
COMMENT = 'flags that people set, and why';
