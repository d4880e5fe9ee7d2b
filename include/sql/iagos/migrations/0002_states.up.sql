-- States of flight files with their history, and runs of jobs. All times are UTC.

-- The steps that a flight file may take. What is not here is impossible: both tables below refer to it.
CREATE TABLE IF NOT EXISTS flight_state_step (
    from_state VARCHAR(16) NOT NULL COMMENT 'state before; empty: the file was not known',
    to_state VARCHAR(16) NOT NULL COMMENT 'state after',
    PRIMARY KEY (from_state, to_state)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin
COMMENT = 'steps that a flight file may take from state to state';

INSERT IGNORE INTO flight_state_step (from_state, to_state)
VALUES
('', 'AVAILABLE'),
('AVAILABLE', 'QUEUED'),
('AVAILABLE', 'WITHDRAWN'),
('QUEUED', 'TRANSFERRING'),
('QUEUED', 'DUPLICATE'),
('QUEUED', 'WITHDRAWN'),
('TRANSFERRING', 'RECEIVED'),
('TRANSFERRING', 'TRANSFER_FAILED'),
('TRANSFERRING', 'QUARANTINED'),
('TRANSFERRING', 'DUPLICATE'),
('TRANSFERRING', 'WITHDRAWN'),
('TRANSFER_FAILED', 'QUEUED'),
('TRANSFER_FAILED', 'TRANSFERRING'),
('TRANSFER_FAILED', 'WITHDRAWN'),
('QUARANTINED', 'QUEUED'),
('QUARANTINED', 'WITHDRAWN'),
('RECEIVED', 'PARSED'),
('RECEIVED', 'PARSE_FAILED'),
('RECEIVED', 'WITHDRAWN'),
('PARSE_FAILED', 'PARSED'),
('PARSE_FAILED', 'RECEIVED'),
('PARSE_FAILED', 'SUPERSEDED'),
('PARSE_FAILED', 'WITHDRAWN'),
('PARSED', 'STORED_L0'),
('PARSED', 'IMPORT_FAILED'),
('IMPORT_FAILED', 'STORED_L0'),
('IMPORT_FAILED', 'PARSED'),
('IMPORT_FAILED', 'SUPERSEDED'),
('IMPORT_FAILED', 'WITHDRAWN'),
('STORED_L0', 'QC_RUNNING'),
('STORED_L0', 'WITHDRAWN'),
('QC_RUNNING', 'QC_DONE'),
('QC_RUNNING', 'QC_FAILED'),
('QC_FAILED', 'QC_RUNNING'),
('QC_FAILED', 'L2_CANDIDATE'),
('QC_FAILED', 'REPROCESS'),
('QC_FAILED', 'SUPERSEDED'),
('QC_FAILED', 'WITHDRAWN'),
('QC_DONE', 'NRT_EXPORTED'),
('QC_DONE', 'EXPORT_FAILED'),
('QC_DONE', 'AWAITING_L1'),
('QC_DONE', 'AWAITING_L2'),
('NRT_EXPORTED', 'AWAITING_L1'),
('EXPORT_FAILED', 'NRT_EXPORTED'),
('EXPORT_FAILED', 'AWAITING_L1'),
('EXPORT_FAILED', 'AWAITING_CAL'),
('EXPORT_FAILED', 'L2_RELEASED'),
('EXPORT_FAILED', 'SUPERSEDED'),
('EXPORT_FAILED', 'WITHDRAWN'),
('AWAITING_L1', 'L1_RELEASED'),
('AWAITING_L1', 'REPROCESS'),
('AWAITING_L1', 'REJECTED'),
('AWAITING_L1', 'SUPERSEDED'),
('AWAITING_L1', 'WITHDRAWN'),
('L1_RELEASED', 'AWAITING_CAL'),
('L1_RELEASED', 'EXPORT_FAILED'),
('L1_RELEASED', 'SUPERSEDED'),
('L1_RELEASED', 'WITHDRAWN'),
('AWAITING_CAL', 'L2_CANDIDATE'),
('AWAITING_CAL', 'REPROCESS'),
('AWAITING_CAL', 'SUPERSEDED'),
('AWAITING_CAL', 'WITHDRAWN'),
('L2_CANDIDATE', 'AWAITING_L2'),
('L2_CANDIDATE', 'QC_FAILED'),
('L2_CANDIDATE', 'SUPERSEDED'),
('L2_CANDIDATE', 'WITHDRAWN'),
('AWAITING_L2', 'L2_RELEASED'),
('AWAITING_L2', 'L2_CANDIDATE'),
('AWAITING_L2', 'REPROCESS'),
('AWAITING_L2', 'REJECTED'),
('AWAITING_L2', 'SUPERSEDED'),
('AWAITING_L2', 'WITHDRAWN'),
('L2_RELEASED', 'EXPORT_FAILED'),
('L2_RELEASED', 'L2_CANDIDATE'),
('L2_RELEASED', 'REPROCESS'),
('L2_RELEASED', 'SUPERSEDED'),
('L2_RELEASED', 'WITHDRAWN'),
('REPROCESS', 'QC_RUNNING'),
('REPROCESS', 'L2_CANDIDATE'),
('REPROCESS', 'SUPERSEDED'),
('REPROCESS', 'WITHDRAWN'),
('REJECTED', 'REPROCESS'),
('REJECTED', 'SUPERSEDED'),
('REJECTED', 'WITHDRAWN'),
('SUPERSEDED', 'WITHDRAWN');

-- One row is one file of a flight: a revision of the data of one instrument type.
CREATE TABLE IF NOT EXISTS flight_state (
    flight_id CHAR(16) NOT NULL COMMENT 'departure YYYYMMDDhhmmss (UTC) and aircraft',
    instrument_type VARCHAR(8) NOT NULL COMMENT 'P1, ...',
    revision SMALLINT UNSIGNED NOT NULL COMMENT 'delivery of the data of this flight; 1 is the first [1]',
    state VARCHAR(16) NOT NULL COMMENT 'what it is now',
    previous_state VARCHAR(16) NOT NULL COMMENT 'what it was before; empty: it was not known',
    since_utc DATETIME(3) NOT NULL COMMENT 'when it became so (UTC)',
    actor VARCHAR(64) NOT NULL COMMENT 'who moved it: a person, or automatic',
    reason VARCHAR(500) NOT NULL COMMENT 'why',
    run_id VARCHAR(250) NOT NULL COMMENT 'run that moved it: an Airflow run id or cli',
    PRIMARY KEY (flight_id, instrument_type, revision),
    KEY flight_state_by_state (state, since_utc),
    CONSTRAINT flight_state_step_is_legal FOREIGN KEY (previous_state, state)
    REFERENCES flight_state_step (from_state, to_state),
    CONSTRAINT flight_state_flight_id_has_digits CHECK (flight_id REGEXP '^[0-9]{16}$'),
    CONSTRAINT flight_state_revision_counts CHECK (revision >= 1)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin
COMMENT = 'what each file of a flight is now';

-- One row is one step of a file. Rows are added, never changed.
CREATE TABLE IF NOT EXISTS flight_state_history (
    step_id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT COMMENT 'number; rises in the order of steps',
    flight_id CHAR(16) NOT NULL COMMENT 'as in flight_state',
    instrument_type VARCHAR(8) NOT NULL COMMENT 'as in flight_state',
    revision SMALLINT UNSIGNED NOT NULL COMMENT 'as in flight_state [1]',
    from_state VARCHAR(16) NOT NULL COMMENT 'state before',
    to_state VARCHAR(16) NOT NULL COMMENT 'state after',
    at_utc DATETIME(3) NOT NULL COMMENT 'when (UTC)',
    actor VARCHAR(64) NOT NULL COMMENT 'who: a person, or automatic',
    reason VARCHAR(500) NOT NULL COMMENT 'why',
    run_id VARCHAR(250) NOT NULL COMMENT 'in which run: an Airflow run id or cli',
    PRIMARY KEY (step_id),
    KEY flight_state_history_of_file (flight_id, instrument_type, revision, step_id),
    CONSTRAINT flight_state_history_is_of_a_file FOREIGN KEY (flight_id, instrument_type, revision)
    REFERENCES flight_state (flight_id, instrument_type, revision),
    CONSTRAINT flight_state_history_is_legal FOREIGN KEY (from_state, to_state)
    REFERENCES flight_state_step (from_state, to_state)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin
COMMENT = 'every step of every file of a flight';

-- One row is one job, described in include/config/iagos/jobs, and when it ran last.
CREATE TABLE IF NOT EXISTS job_state (
    job VARCHAR(64) NOT NULL COMMENT 'name of the job',
    last_due_utc DATETIME NOT NULL COMMENT 'time it was last due and done (UTC)',
    missed INT UNSIGNED NOT NULL COMMENT 'times due that the last run made up for, besides its own [1]',
    run_id VARCHAR(250) NOT NULL COMMENT 'run that did it: an Airflow run id or cli',
    updated_at TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3) ON UPDATE CURRENT_TIMESTAMP(3)
    COMMENT 'when this row last changed (UTC)',
    PRIMARY KEY (job)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin
COMMENT = 'when each job ran last';
