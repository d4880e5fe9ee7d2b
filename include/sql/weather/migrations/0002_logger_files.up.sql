-- The files that came from the loggers: which came when, what they hold, what is wrong with them.
-- Logger times and days are those of the logger's own clock, without a zone: they hold whatever is
-- configured of the station, and processing turns them into UTC.

-- One row is one file in a station's inbox. A file that grows keeps its row; one that starts anew under the
-- same name gets a second row. Rows are never removed, also when the source removes the file.
CREATE TABLE IF NOT EXISTS logger_file (
    file_id INT UNSIGNED NOT NULL AUTO_INCREMENT COMMENT 'number; rises in the order in which files came',
    station VARCHAR(64) NOT NULL COMMENT 'station whose inbox it came to',
    folder VARCHAR(410) NOT NULL COMMENT 'folder below the inbox, empty for the inbox itself',
    name VARCHAR(200) NOT NULL COMMENT 'file name at the source',
    rotation SMALLINT UNSIGNED NOT NULL
    COMMENT '1 is the first file of this name; the next one does not begin with its bytes [1]',
    state VARCHAR(11) NOT NULL
    COMMENT 'registered: its rows count; other: another table or station; failed: bad lines; quarantined: unreadable',
    message TEXT NULL COMMENT 'why its rows do not count, or what else is worth knowing',
    duplicate_of INT UNSIGNED NULL COMMENT 'first file of the station with the same bytes',
    bytes BIGINT UNSIGNED NOT NULL COMMENT 'size [byte]',
    sha256 CHAR(64) NOT NULL COMMENT 'SHA-256 of its bytes',
    modified_utc DATETIME(6) NOT NULL COMMENT 'when it last changed, by the clock of the source (UTC)',
    raw_path VARCHAR(512) NOT NULL
    COMMENT 'where it is kept byte for byte, below the data root; may already hold more than the bytes registered',
    logger_station VARCHAR(255) NULL COMMENT 'station text in its first header',
    logger_table VARCHAR(255) NULL COMMENT 'table in its first header',
    logger_serial VARCHAR(255) NULL COMMENT 'serial number of the logger in its first header',
    program_signature VARCHAR(255) NULL COMMENT 'signature of the logger program in its first header',
    first_logger_time DATETIME(6) NULL COMMENT 'earliest row (clock of the logger); NULL without rows',
    last_logger_time DATETIME(6) NULL COMMENT 'latest row (clock of the logger); NULL without rows',
    rows_read INT UNSIGNED NOT NULL COMMENT 'data lines, rejected ones included',
    rows_rejected INT UNSIGNED NOT NULL COMMENT 'data lines that could not be read',
    truncated BOOLEAN NOT NULL COMMENT 'the last line was cut: not counted, the rest of it is expected',
    run_id VARCHAR(250) NOT NULL COMMENT 'run that took these bytes: an Airflow run id or cli',
    registered_at TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3)
    COMMENT 'when it was first registered (UTC)',
    updated_at TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3) ON UPDATE CURRENT_TIMESTAMP(3)
    COMMENT 'when this row last changed (UTC)',
    PRIMARY KEY (file_id),
    UNIQUE KEY logger_file_by_name (station, folder, name, rotation),
    UNIQUE KEY logger_file_by_raw_path (raw_path),
    KEY logger_file_by_content (station, sha256),
    KEY logger_file_by_state (station, state),
    CONSTRAINT logger_file_duplicate_exists FOREIGN KEY (duplicate_of) REFERENCES logger_file (file_id),
    CONSTRAINT logger_file_state_is_known CHECK (state IN ('registered', 'other', 'failed', 'quarantined')),
    CONSTRAINT logger_file_tells_why CHECK (state = 'registered' OR message IS NOT NULL),
    CONSTRAINT logger_file_counts_fit CHECK (rows_rejected <= rows_read)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin
COMMENT = 'files that came from the loggers';

-- One row is what one file holds of one day of the logger's clock, from midnight to midnight, both included:
-- a total stamped midnight belongs to the day before, a sample to the day after.
CREATE TABLE IF NOT EXISTS logger_file_day (
    file_id INT UNSIGNED NOT NULL COMMENT 'as in logger_file',
    `day` DATE NOT NULL COMMENT 'calendar day (clock of the logger)',
    rows_read INT UNSIGNED NOT NULL COMMENT 'data lines of the day, rejected ones included',
    rows_rejected INT UNSIGNED NOT NULL COMMENT 'data lines that could not be read, by the row before them',
    first_logger_time DATETIME(6) NULL COMMENT 'earliest row of the day (clock of the logger)',
    last_logger_time DATETIME(6) NULL COMMENT 'latest row of the day (clock of the logger)',
    sha256 CHAR(64) NOT NULL COMMENT 'SHA-256 of the headers and the lines of the day',
    PRIMARY KEY (file_id, `day`),
    KEY logger_file_day_by_day (`day`),
    CONSTRAINT logger_file_day_file_exists FOREIGN KEY (file_id) REFERENCES logger_file (file_id),
    CONSTRAINT logger_file_day_counts_fit CHECK (rows_rejected <= rows_read)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin
COMMENT = 'what each file holds of each day';
