-- The ledger: what is stored, from which source, with which configuration, and what was refused.
-- Every network's database holds its own copy of these three tables.

-- One row is the present state of one partition: one member of a network for one day, file or flight.
CREATE TABLE IF NOT EXISTS ledger (
    dataset VARCHAR(64) NOT NULL COMMENT 'what is stored, as network.table',
    member VARCHAR(64) NOT NULL COMMENT 'whose data: sensor unit, station, aircraft',
    partition_key VARCHAR(64) NOT NULL COMMENT 'which part: YYYY-MM-DD for a UTC day, else a file or flight name',
    state VARCHAR(10) NOT NULL COMMENT 'expected, running, stored, partial, empty, failed or stale',
    attempt INT UNSIGNED NOT NULL DEFAULT 0 COMMENT 'number of the latest attempt in run_record',
    source_rows BIGINT UNSIGNED NULL COMMENT 'points or lines the source listed when it was read',
    source_last_utc DATETIME(3) NULL COMMENT 'time of the newest source record, where the source tells it (UTC)',
    source_digest VARCHAR(64) NULL COMMENT 'fingerprint of the source content: any change makes the partition stale',
    rows_read INT UNSIGNED NULL COMMENT 'records read = stored + rejected',
    rows_stored INT UNSIGNED NULL COMMENT 'records in the destination table',
    rows_rejected INT UNSIGNED NULL COMMENT 'records in rejected_record',
    config_digest CHAR(64) NULL COMMENT 'SHA-256 of the configuration that was used',
    code_version VARCHAR(64) NULL COMMENT 'version of skyledger that wrote the partition',
    run_id VARCHAR(250) NULL COMMENT 'run of the latest attempt: an Airflow run id or cli',
    message TEXT NULL COMMENT 'why the partition is not simply stored: error, missing or unmapped quantities',
    stored_at TIMESTAMP(3) NULL COMMENT 'when data were last committed (UTC)',
    updated_at TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3) ON UPDATE CURRENT_TIMESTAMP(3)
    COMMENT 'when this row last changed (UTC)',
    PRIMARY KEY (dataset, member, partition_key),
    KEY ledger_by_state (dataset, state, partition_key),
    CONSTRAINT ledger_state_is_known CHECK (
        state IN ('expected', 'running', 'stored', 'partial', 'empty', 'failed', 'stale')
    ),
    CONSTRAINT ledger_counts_add_up CHECK (rows_read = rows_stored + rows_rejected)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin
COMMENT = 'present state of every partition';

-- One row is one attempt at one partition. Rows are added and closed, never removed.
CREATE TABLE IF NOT EXISTS run_record (
    dataset VARCHAR(64) NOT NULL COMMENT 'as in ledger',
    member VARCHAR(64) NOT NULL COMMENT 'as in ledger',
    partition_key VARCHAR(64) NOT NULL COMMENT 'as in ledger',
    attempt INT UNSIGNED NOT NULL COMMENT 'first attempt is 1',
    run_id VARCHAR(250) NOT NULL COMMENT 'an Airflow run id or cli',
    reason VARCHAR(20) NOT NULL COMMENT 'why it was planned: new, failed, interrupted, source changed, ...',
    state VARCHAR(11) NOT NULL COMMENT 'running, stored, partial, empty, failed or interrupted',
    started_at TIMESTAMP(3) NOT NULL COMMENT 'UTC',
    ended_at TIMESTAMP(3) NULL COMMENT 'UTC; NULL while running',
    source_rows BIGINT UNSIGNED NULL COMMENT 'as in ledger',
    source_digest VARCHAR(64) NULL COMMENT 'as in ledger',
    rows_read INT UNSIGNED NULL COMMENT 'as in ledger',
    rows_stored INT UNSIGNED NULL COMMENT 'as in ledger',
    rows_rejected INT UNSIGNED NULL COMMENT 'as in ledger',
    config_digest CHAR(64) NULL COMMENT 'as in ledger',
    code_version VARCHAR(64) NULL COMMENT 'as in ledger',
    message TEXT NULL COMMENT 'as in ledger',
    PRIMARY KEY (dataset, member, partition_key, attempt),
    KEY run_record_by_run (run_id, dataset),
    CONSTRAINT run_record_state_is_known CHECK (
        state IN ('running', 'stored', 'partial', 'empty', 'failed', 'interrupted')
    )
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin
COMMENT = 'every attempt at every partition';

-- One row is one source record that could not be stored, as it came, with the reason.
CREATE TABLE IF NOT EXISTS rejected_record (
    dataset VARCHAR(64) NOT NULL COMMENT 'as in ledger',
    member VARCHAR(64) NOT NULL COMMENT 'as in ledger',
    partition_key VARCHAR(64) NOT NULL COMMENT 'as in ledger',
    record_key VARCHAR(64) NOT NULL COMMENT 'which record: time in Unix seconds, or line number',
    source VARCHAR(250) NOT NULL COMMENT 'where it came from: measurement or file',
    reason VARCHAR(500) NOT NULL COMMENT 'what is wrong, with column, value and expected form',
    raw MEDIUMTEXT NOT NULL COMMENT 'the record as it came (JSON, or the line)',
    attempt INT UNSIGNED NOT NULL COMMENT 'attempt in run_record that met it',
    rejected_at TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3) COMMENT 'UTC',
    PRIMARY KEY (dataset, member, partition_key, record_key)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin
COMMENT = 'source records that could not be stored';
