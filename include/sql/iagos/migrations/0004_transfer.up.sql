-- Files of the data centre and of drop folders, and acknowledgements that are still to be sent. All times are UTC.

-- One row is one revision of a file as its source names it.
CREATE TABLE IF NOT EXISTS source_file (
    source_file_id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT COMMENT 'number',
    source VARCHAR(100) NOT NULL COMMENT 'who has it: the connection of the data centre, or connection and folder',
    file_id VARCHAR(100) NOT NULL COMMENT 'its identifier there; in a folder its name',
    source_revision INT UNSIGNED NOT NULL COMMENT 'its revision there [1]',
    flight_id CHAR(16) NULL COMMENT 'as in flight_state; NULL: refused',
    instrument_type VARCHAR(8) NULL COMMENT 'as in flight_state; NULL: refused',
    revision SMALLINT UNSIGNED NULL COMMENT 'our number of the delivery, as in flight_state; NULL: refused [1]',
    name VARCHAR(200) NULL COMMENT 'name that the source gives it',
    bytes BIGINT UNSIGNED NULL COMMENT 'size: announced, and once received what it is [byte]',
    sha256 CHAR(64) NULL COMMENT 'SHA-256: announced, and once received what it is',
    etag VARCHAR(200) NULL COMMENT 'what the server calls the bytes of which a part may be here',
    completeness VARCHAR(11) NULL COMMENT 'by what it is known to be whole: sha256, side_file or stable_size',
    raw_path VARCHAR(250) NULL COMMENT 'where it is kept, below the data root',
    duplicate_of BIGINT UNSIGNED NULL COMMENT 'source_file with the same bytes that is kept instead',
    state VARCHAR(11) NOT NULL
    COMMENT 'listed, received, duplicate, quarantined, vanished, withdrawn, failed or rejected',
    tries SMALLINT UNSIGNED NOT NULL DEFAULT 0 COMMENT 'failed attempts to bring it [1]',
    message VARCHAR(2000) NULL COMMENT 'why it is not simply received',
    listing TEXT NULL COMMENT 'what the source said of it (JSON), kept where it was refused',
    departure_airport VARCHAR(8) NULL COMMENT 'IATA code, where the source says it',
    departure_utc DATETIME NULL COMMENT 'take-off, where the source says it (UTC)',
    arrival_airport VARCHAR(8) NULL COMMENT 'IATA code, where the source says it',
    arrival_utc DATETIME NULL COMMENT 'landing, where the source says it (UTC)',
    available_since_utc DATETIME NULL COMMENT 'when the source got it, by its own clock (UTC)',
    listed_at TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3) COMMENT 'when we first saw it (UTC)',
    received_at TIMESTAMP(3) NULL COMMENT 'when it was here and whole (UTC)',
    updated_at TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3) ON UPDATE CURRENT_TIMESTAMP(3)
    COMMENT 'when this row last changed (UTC)',
    run_id VARCHAR(250) NOT NULL COMMENT 'run that last changed it: an Airflow run id or cli',
    PRIMARY KEY (source_file_id),
    UNIQUE KEY source_file_by_name (source, file_id, source_revision),
    UNIQUE KEY source_file_of_delivery (flight_id, instrument_type, revision),
    KEY source_file_by_content (sha256),
    CONSTRAINT source_file_has_a_state FOREIGN KEY (flight_id, instrument_type, revision)
    REFERENCES flight_state (flight_id, instrument_type, revision),
    CONSTRAINT source_file_is_copy_of FOREIGN KEY (duplicate_of) REFERENCES source_file (source_file_id),
    CONSTRAINT source_file_state_is_known CHECK (
        state IN (
            'listed', 'received', 'duplicate', 'quarantined', 'vanished', 'withdrawn', 'failed', 'rejected'
        )
    ),
    CONSTRAINT source_file_completeness_is_known CHECK (completeness IN ('sha256', 'side_file', 'stable_size')),
    CONSTRAINT source_file_is_whole CHECK (
        state <> 'received'
        OR (
            raw_path IS NOT NULL
            AND sha256 IS NOT NULL
            AND bytes IS NOT NULL
            AND completeness IS NOT NULL
            AND received_at IS NOT NULL
        )
    ),
    CONSTRAINT source_file_is_of_a_flight CHECK (state = 'rejected' OR revision IS NOT NULL)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin
COMMENT = 'files that sources offered, and what became of them';

-- One row is one list of the data centre: how far it has been read.
CREATE TABLE IF NOT EXISTS listing_cursor (
    source VARCHAR(100) NOT NULL COMMENT 'as in source_file',
    instrument_type VARCHAR(8) NOT NULL COMMENT 'P1, ...',
    available_since_utc DATETIME NOT NULL COMMENT 'high-water mark: of the last file of the list that was read (UTC)',
    file_id VARCHAR(100) NOT NULL COMMENT 'high-water mark: that file',
    run_id VARCHAR(250) NOT NULL COMMENT 'run that read it: an Airflow run id or cli',
    updated_at TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3) ON UPDATE CURRENT_TIMESTAMP(3)
    COMMENT 'when this row last changed (UTC)',
    PRIMARY KEY (source, instrument_type)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin
COMMENT = 'how far the lists of the data centre have been read';

-- One row is one acknowledgement: written with the state it speaks of, sent as soon as the data centre listens.
CREATE TABLE IF NOT EXISTS acknowledgement (
    acknowledgement_id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT COMMENT 'number; they are sent in its order',
    source_file_id BIGINT UNSIGNED NOT NULL COMMENT 'what it is about',
    status VARCHAR(8) NOT NULL COMMENT 'received or rejected',
    body TEXT NOT NULL COMMENT 'what is sent (JSON)',
    due_utc DATETIME(3) NULL COMMENT 'not to be sent before; NULL: sent, or given up for the reason in message (UTC)',
    tries SMALLINT UNSIGNED NOT NULL DEFAULT 0 COMMENT 'failed attempts to send it [1]',
    sent_utc DATETIME(3) NULL COMMENT 'when the data centre had taken it (UTC); NULL: it has not',
    message VARCHAR(2000) NULL COMMENT 'why the last attempt failed',
    created_at TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3) COMMENT 'when it was written (UTC)',
    PRIMARY KEY (acknowledgement_id),
    UNIQUE KEY acknowledgement_once (source_file_id, status),
    KEY acknowledgement_due (due_utc),
    CONSTRAINT acknowledgement_is_of_a_file FOREIGN KEY (source_file_id) REFERENCES source_file (source_file_id),
    CONSTRAINT acknowledgement_status_is_known CHECK (status IN ('received', 'rejected')),
    CONSTRAINT acknowledgement_is_json CHECK (JSON_VALID(body))
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin
COMMENT = 'acknowledgements to the data centre';

-- One row is one file that lies in a drop folder: what it was when we last looked.
CREATE TABLE IF NOT EXISTS drop_look (
    source VARCHAR(100) NOT NULL COMMENT 'as in source_file: connection and folder',
    name VARCHAR(200) NOT NULL COMMENT 'its name there',
    bytes BIGINT UNSIGNED NOT NULL COMMENT 'its size [byte]',
    modified_s BIGINT UNSIGNED NOT NULL COMMENT 'when it was last written, by the clock there [s since 1970 UTC]',
    side_sha256 CHAR(64) NULL COMMENT 'SHA-256 that its side file says; NULL: none does',
    since_utc DATETIME(3) NOT NULL COMMENT 'since when it looks like this, by our clock (UTC)',
    source_file_id BIGINT UNSIGNED NULL COMMENT 'the delivery that it is; NULL: not known to be whole',
    PRIMARY KEY (source, name),
    CONSTRAINT drop_look_is_a_delivery FOREIGN KEY (source_file_id) REFERENCES source_file (source_file_id)
    ON DELETE SET NULL
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin
COMMENT = 'files in drop folders that are not yet moved out of the way';
