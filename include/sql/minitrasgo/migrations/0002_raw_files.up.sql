-- The files that came from the stations: which came when, what is wrong with them, what still waits, since when a
-- station is silent; and the rows of the run dictionary that were used. All times are UTC.

-- One row is one file name of one station, whatever its packing (.dat, .dat.tar.gz, .hld), with the bytes in use.
-- Rows are never removed, also when the source removes the file.
CREATE TABLE IF NOT EXISTS raw_file (
    file_id INT UNSIGNED NOT NULL AUTO_INCREMENT COMMENT 'number; rises in the order in which files came',
    station VARCHAR(64) NOT NULL COMMENT 'station whose source brought it',
    basename VARCHAR(32) NOT NULL COMMENT 'name without ending, lower case: mi0SYYDDDhhmmss or miniYYDDDhhmmss',
    named_station TINYINT UNSIGNED NOT NULL COMMENT 'number of the station in its name; 0: simulation [1]',
    start_utc DATETIME NOT NULL COMMENT 'start by its name (UTC)',
    begin_utc DATETIME NOT NULL COMMENT 'start that counts: by the canonical name, else by its name (UTC)',
    canonical_name VARCHAR(32) NULL
    COMMENT 'what it ought to be called: its first event is more than 5 minutes off its name; NULL: name is right',
    state VARCHAR(9) NOT NULL
    COMMENT 'arrived: to be reduced; empty, corrupt, foreign (other station), duplicate, packed (waits for unpacking)',
    message VARCHAR(2000) NULL COMMENT 'why it is not to be reduced, or what else is worth knowing',
    duplicate_of INT UNSIGNED NULL COMMENT 'file of the station that came before with the same bytes',
    delivery SMALLINT UNSIGNED NOT NULL COMMENT 'number of the delivery in use, in raw_delivery; 1 is the first [1]',
    bytes BIGINT UNSIGNED NOT NULL COMMENT 'size of the delivery in use, unpacked [byte]',
    sha256 CHAR(64) NOT NULL COMMENT 'SHA-256 of the delivery in use, unpacked',
    raw_path VARCHAR(200) NOT NULL COMMENT 'where the delivery in use is kept byte for byte, below the data root',
    first_event_utc DATETIME NULL COMMENT 'time of its first valid line (UTC); NULL without one',
    last_event_utc DATETIME NULL COMMENT 'time of its last valid line (UTC); NULL without one',
    run_id VARCHAR(250) NOT NULL COMMENT 'run that brought the delivery in use: an Airflow run id or cli',
    arrived_at TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3) COMMENT 'when it was first registered (UTC)',
    updated_at TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3) ON UPDATE CURRENT_TIMESTAMP(3)
    COMMENT 'when this row last changed (UTC)',
    PRIMARY KEY (file_id),
    UNIQUE KEY raw_file_by_name (station, basename),
    KEY raw_file_by_begin (station, begin_utc),
    KEY raw_file_by_content (sha256),
    CONSTRAINT raw_file_duplicate_exists FOREIGN KEY (duplicate_of) REFERENCES raw_file (file_id),
    CONSTRAINT raw_file_state_is_known CHECK (
        state IN ('arrived', 'empty', 'corrupt', 'foreign', 'duplicate', 'packed')
    ),
    CONSTRAINT raw_file_tells_why CHECK (state = 'arrived' OR message IS NOT NULL),
    CONSTRAINT raw_file_duplicate_names_it CHECK ((state = 'duplicate') = (duplicate_of IS NOT NULL)),
    CONSTRAINT raw_file_has_events CHECK (
        state NOT IN ('arrived', 'duplicate') OR (first_event_utc IS NOT NULL AND last_event_utc IS NOT NULL)
    )
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin
COMMENT = 'files that came from the stations';

-- One row is one file as a source delivered it. Rows are added, never changed; a delivery with the bytes of an earlier
-- one has that one's number.
CREATE TABLE IF NOT EXISTS raw_delivery (
    delivery_id INT UNSIGNED NOT NULL AUTO_INCREMENT COMMENT 'number; rises in the order of deliveries',
    file_id INT UNSIGNED NOT NULL COMMENT 'as in raw_file',
    delivery SMALLINT UNSIGNED NOT NULL COMMENT '1 for the first bytes of this name, 2 for other bytes, ... [1]',
    source VARCHAR(7) NOT NULL COMMENT 'station, archive, or local: handed over by a person',
    source_name VARCHAR(200) NOT NULL COMMENT 'file name there',
    source_bytes BIGINT UNSIGNED NOT NULL COMMENT 'size there, packed or not [byte]',
    source_modified_utc DATETIME NOT NULL COMMENT 'when it last changed, by the clock there (UTC)',
    state VARCHAR(9) NOT NULL COMMENT 'what was found: as in raw_file, or truncated: the bytes in use begin with it',
    message VARCHAR(2000) NULL COMMENT 'what is wrong with it, or what it is against the delivery before',
    bytes BIGINT UNSIGNED NOT NULL COMMENT 'size, unpacked [byte]',
    sha256 CHAR(64) NOT NULL COMMENT 'SHA-256, unpacked',
    raw_path VARCHAR(200) NOT NULL COMMENT 'where it is kept byte for byte, below the data root',
    run_id VARCHAR(250) NOT NULL COMMENT 'run that brought it: an Airflow run id or cli',
    arrived_at TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3) COMMENT 'when it was registered (UTC)',
    PRIMARY KEY (delivery_id),
    KEY raw_delivery_by_file (file_id, delivery),
    CONSTRAINT raw_delivery_file_exists FOREIGN KEY (file_id) REFERENCES raw_file (file_id),
    CONSTRAINT raw_delivery_source_is_known CHECK (source IN ('station', 'archive', 'local')),
    CONSTRAINT raw_delivery_state_is_known CHECK (
        state IN ('arrived', 'empty', 'corrupt', 'foreign', 'duplicate', 'packed', 'truncated')
    )
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin
COMMENT = 'every delivery of a file';

-- One row is one file that a source lists and that was not taken, as of the last complete listing.
CREATE TABLE IF NOT EXISTS source_file (
    station VARCHAR(64) NOT NULL COMMENT 'station whose files these are',
    source VARCHAR(7) NOT NULL COMMENT 'station or archive',
    name VARCHAR(200) NOT NULL COMMENT 'file name there',
    bytes BIGINT UNSIGNED NOT NULL COMMENT 'size there [byte]',
    modified_utc DATETIME NOT NULL COMMENT 'when it last changed, by the clock there (UTC)',
    reason VARCHAR(500) NOT NULL COMMENT 'why it was not taken',
    since_utc DATETIME(3) NOT NULL COMMENT 'first listing with this size and time (UTC)',
    listed_utc DATETIME(3) NOT NULL COMMENT 'last listing (UTC)',
    PRIMARY KEY (station, source, name)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin
COMMENT = 'files that wait at their source';

-- One row is one source of a station: whether it answers, and since when not.
CREATE TABLE IF NOT EXISTS station_contact (
    station VARCHAR(64) NOT NULL COMMENT 'station whose files these are',
    source VARCHAR(7) NOT NULL COMMENT 'station or archive',
    last_tried_utc DATETIME(3) NOT NULL COMMENT 'last attempt to list it (UTC)',
    last_ok_utc DATETIME(3) NULL COMMENT 'last attempt that succeeded (UTC); NULL: none yet',
    failing_since_utc DATETIME(3) NULL COMMENT 'first of the attempts that failed since then (UTC); NULL: it answers',
    message VARCHAR(2000) NULL COMMENT 'why the last attempt failed; NULL: it did not',
    files_listed INT UNSIGNED NULL COMMENT 'files of the last listing [1]; NULL: none yet',
    PRIMARY KEY (station, source),
    CONSTRAINT station_contact_tells_why CHECK ((failing_since_utc IS NULL) = (message IS NULL))
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin
COMMENT = 'whether the stations answer';

-- One row is one row of the run dictionary (configuration of a station) as it was used. Rows are never removed.
CREATE TABLE IF NOT EXISTS run_dictionary (
    station VARCHAR(64) NOT NULL COMMENT 'station that it holds for',
    row_hash CHAR(64) NOT NULL COMMENT 'SHA-256 of its content: what products name',
    conf DOUBLE NOT NULL COMMENT 'number of the configuration [1]',
    valid_from DATE NOT NULL COMMENT 'first day (UTC)',
    valid_to DATE NULL COMMENT 'last day, included (UTC); NULL: open',
    plane_1_z_mm DOUBLE NOT NULL COMMENT 'height of plane 1, downwards, any origin [mm]',
    plane_2_z_mm DOUBLE NOT NULL COMMENT 'the same of plane 2 [mm]',
    plane_3_z_mm DOUBLE NOT NULL COMMENT 'the same of plane 3 [mm]',
    plane_4_z_mm DOUBLE NOT NULL COMMENT 'the same of plane 4 [mm]',
    phi_north_deg DOUBLE NOT NULL COMMENT 'azimuth of the x axis of the detector against north [degree]',
    triggers VARCHAR(100) NOT NULL COMMENT 'sets of planes of which one must fire, such as 12 23',
    content JSON NOT NULL COMMENT 'the whole row as in the configuration, without its comment',
    first_used_at TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3) COMMENT 'when a product first named it (UTC)',
    PRIMARY KEY (station, row_hash)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin
COMMENT = 'rows of the run dictionary that were used';
