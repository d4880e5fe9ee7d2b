-- Reports, decisions of the PI, and products. All times are UTC.

-- One row is one report that a PI may decide by. Rows are added, never changed; the newest of a file and level counts.
CREATE TABLE IF NOT EXISTS report (
    report_id INT UNSIGNED NOT NULL AUTO_INCREMENT COMMENT 'number; rises in the order of reports',
    flight_id CHAR(16) NOT NULL COMMENT 'as in flight_state',
    instrument_type VARCHAR(8) NOT NULL COMMENT 'as in flight_state',
    revision SMALLINT UNSIGNED NOT NULL COMMENT 'as in flight_state [1]',
    level VARCHAR(4) NOT NULL COMMENT 'level that the decision is about: L1, L2',
    qc_run_id INT UNSIGNED NOT NULL COMMENT 'verdict that it tells',
    data_digest CHAR(64) NOT NULL COMMENT 'SHA-256 (hex) of the judged data: a decision names it',
    series_digest CHAR(64) NOT NULL COMMENT 'digest of the series that were judged, as in series_file',
    flags_by_hand INT UNSIGNED NOT NULL COMMENT 'rows of flag_event that it knows [1]',
    page VARCHAR(160) NOT NULL COMMENT 'page below <data>/iagos/reports; the same as .json has the content',
    title VARCHAR(100) NOT NULL COMMENT 'route and flight',
    summary TEXT NOT NULL COMMENT 'a few lines for the question to the PI (Markdown)',
    suggestion VARCHAR(8) NOT NULL COMMENT 'RELEASE, REVIEW or REJECT',
    least_available VARCHAR(64) NOT NULL COMMENT 'variable of the instrument with the smallest usable share',
    availability DOUBLE NOT NULL COMMENT 'that share, of what was to be measured [1, 0 to 1]',
    critical TEXT NOT NULL COMMENT 'what speaks against any export, in words; empty: nothing',
    made_at_utc DATETIME(3) NOT NULL COMMENT 'when it was made (UTC)',
    run_id VARCHAR(250) NOT NULL COMMENT 'run that made it: an Airflow run id or cli',
    PRIMARY KEY (report_id),
    UNIQUE KEY report_on_data (report_id, data_digest),
    KEY report_of_file (flight_id, instrument_type, revision, level, report_id),
    CONSTRAINT report_is_of_a_file FOREIGN KEY (flight_id, instrument_type, revision)
    REFERENCES flight_state (flight_id, instrument_type, revision),
    CONSTRAINT report_tells_a_verdict FOREIGN KEY (qc_run_id) REFERENCES qc_run (qc_run_id),
    CONSTRAINT report_level_is_decided CHECK (level IN ('L1', 'L2'))
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin
COMMENT = 'reports on flights';

-- One row is one decision of a person about a file. Rows are added, never changed.
CREATE TABLE IF NOT EXISTS release_decision (
    decision_id INT UNSIGNED NOT NULL AUTO_INCREMENT COMMENT 'number; rises in the order of decisions',
    flight_id CHAR(16) NOT NULL COMMENT 'as in flight_state',
    instrument_type VARCHAR(8) NOT NULL COMMENT 'as in flight_state',
    revision SMALLINT UNSIGNED NOT NULL COMMENT 'as in flight_state [1]',
    level VARCHAR(4) NOT NULL COMMENT 'level it is about: L1, L2; a withdrawal takes all levels',
    action VARCHAR(10) NOT NULL COMMENT 'release, rerun, edit_flags, reject, defer or withdraw',
    person VARCHAR(64) NOT NULL COMMENT 'who (login)',
    role VARCHAR(16) NOT NULL COMMENT 'in which role: PI or manager',
    at_utc DATETIME(3) NOT NULL COMMENT 'when (UTC)',
    comment VARCHAR(2000) NOT NULL COMMENT 'why; may be empty for a release',
    report_id INT UNSIGNED NULL COMMENT 'report it goes by; none: of a withdrawal',
    data_digest CHAR(64) NULL COMMENT 'data it is about, as the report says; none: of a withdrawal',
    variables VARCHAR(1000) NULL
    COMMENT 'variables of the instrument that are released, with commas; none: all of them, or no release',
    quality VARCHAR(64) NULL
    COMMENT 'file of include/config/iagos/quality that the file is judged with from now on; none: as before',
    calibrations VARCHAR(8) NULL
    COMMENT 'calibrations that count for the file from now on: pre, post, both, default; none: as before',
    step_id BIGINT UNSIGNED NOT NULL COMMENT 'step of the history after which it was taken',
    agrees_with INT UNSIGNED NULL COMMENT 'decision of the first of two people; none: it needed no other',
    complete BOOLEAN NOT NULL COMMENT 'whether it took effect; FALSE: it waits for a second person',
    run_id VARCHAR(250) NOT NULL COMMENT 'run that recorded it: an Airflow run id or cli',
    PRIMARY KEY (decision_id),
    UNIQUE KEY release_decision_on_data (decision_id, data_digest),
    KEY release_decision_of_file (flight_id, instrument_type, revision, level, decision_id),
    CONSTRAINT release_decision_is_of_a_file FOREIGN KEY (flight_id, instrument_type, revision)
    REFERENCES flight_state (flight_id, instrument_type, revision),
    CONSTRAINT release_decision_goes_by_a_report FOREIGN KEY (report_id, data_digest)
    REFERENCES report (report_id, data_digest),
    CONSTRAINT release_decision_follows_a_step FOREIGN KEY (step_id)
    REFERENCES flight_state_history (step_id),
    CONSTRAINT release_decision_agrees FOREIGN KEY (agrees_with) REFERENCES release_decision (decision_id),
    CONSTRAINT release_decision_action_is_known
    CHECK (action IN ('release', 'rerun', 'edit_flags', 'reject', 'defer', 'withdraw')),
    CONSTRAINT release_decision_choice_is_known CHECK (calibrations IN ('default', 'pre', 'post', 'both')),
    CONSTRAINT release_decision_rerun_has_choices
    CHECK (action = 'rerun' OR (quality IS NULL AND calibrations IS NULL)),
    CONSTRAINT release_decision_has_a_reason CHECK (action = 'release' OR TRIM(comment) != ''),
    CONSTRAINT release_decision_has_a_report
    CHECK (action = 'withdraw' OR (report_id IS NOT NULL AND data_digest IS NOT NULL))
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin
COMMENT = 'what people decided about flights';

-- One row is one version of a product: a flight of an instrument at a level, as NetCDF and NASA Ames. What it is made
-- of never changes; only where it is on its way, and which newer version took its place.
CREATE TABLE IF NOT EXISTS product (
    product_id INT UNSIGNED NOT NULL AUTO_INCREMENT COMMENT 'number; rises in the order of releases',
    flight_id CHAR(16) NOT NULL COMMENT 'as in flight_state',
    instrument_type VARCHAR(8) NOT NULL COMMENT 'as in flight_state',
    revision SMALLINT UNSIGNED NOT NULL COMMENT 'delivery that it is made from [1]',
    level VARCHAR(4) NOT NULL COMMENT 'NRT, L1, L2',
    version_x SMALLINT UNSIGNED NOT NULL COMMENT 'x of version x.y.z: format or names of variables [1]',
    version_y SMALLINT UNSIGNED NOT NULL COMMENT 'y: calibration, algorithm, quality control, raw file [1]',
    version_z SMALLINT UNSIGNED NOT NULL COMMENT 'z: metadata, flags [1]',
    report_id INT UNSIGNED NOT NULL COMMENT 'report on its data',
    data_digest CHAR(64) NOT NULL COMMENT 'SHA-256 (hex) of the judged data that it holds',
    decision_id INT UNSIGNED NULL COMMENT 'decision that released it; none: of NRT',
    l1_product_id INT UNSIGNED NULL COMMENT 'Level 1 of the same delivery, which a Level 2 follows',
    made_with TEXT NOT NULL COMMENT 'what decides the version: format, variables, calibrations, ... (JSON)',
    reason TEXT NOT NULL COMMENT 'why there is this version',
    diff_summary TEXT NULL COMMENT 'what differs from the version before; none: it is the first, or not written yet',
    superseded_by INT UNSIGNED NULL COMMENT 'newer version that counts; none: this one does',
    state VARCHAR(10) NOT NULL
    COMMENT 'pending, written, pushed (delivered), failed (refused by the data centre) or withdrawn',
    netcdf_path VARCHAR(255) NULL COMMENT 'NetCDF file, below the data root; none: not written yet',
    netcdf_sha256 CHAR(64) NULL COMMENT 'SHA-256 (hex) of that file',
    nasa_ames_path VARCHAR(255) NULL COMMENT 'NASA Ames file, below the data root; none: not written yet',
    nasa_ames_sha256 CHAR(64) NULL COMMENT 'SHA-256 (hex) of that file',
    tries INT UNSIGNED NOT NULL DEFAULT 0 COMMENT 'deliveries that failed [1]',
    message VARCHAR(2000) NOT NULL DEFAULT '' COMMENT 'why the last delivery failed; empty: it did not',
    released_at_utc DATETIME(3) NOT NULL COMMENT 'when it was released (UTC)',
    written_at_utc DATETIME(3) NULL COMMENT 'when its files were written (UTC)',
    pushed_at_utc DATETIME(3) NULL COMMENT 'when the data centre had both files (UTC)',
    run_id VARCHAR(250) NOT NULL COMMENT 'run that last moved it: an Airflow run id or cli',
    PRIMARY KEY (product_id),
    UNIQUE KEY product_version (flight_id, instrument_type, level, version_x, version_y, version_z),
    UNIQUE KEY product_of_decision (decision_id),
    KEY product_by_state (state),
    CONSTRAINT product_is_of_a_file FOREIGN KEY (flight_id, instrument_type, revision)
    REFERENCES flight_state (flight_id, instrument_type, revision),
    CONSTRAINT product_is_what_was_reported FOREIGN KEY (report_id, data_digest)
    REFERENCES report (report_id, data_digest),
    CONSTRAINT product_is_what_was_decided FOREIGN KEY (decision_id, data_digest)
    REFERENCES release_decision (decision_id, data_digest),
    CONSTRAINT product_follows_l1 FOREIGN KEY (l1_product_id) REFERENCES product (product_id),
    CONSTRAINT product_is_superseded FOREIGN KEY (superseded_by) REFERENCES product (product_id),
    CONSTRAINT product_has_a_decision CHECK (level = 'NRT' OR decision_id IS NOT NULL),
    CONSTRAINT product_l2_after_l1 CHECK (level != 'L2' OR l1_product_id IS NOT NULL),
    CONSTRAINT product_level_is_known CHECK (level IN ('NRT', 'L1', 'L2')),
    CONSTRAINT product_made_with_is_json CHECK (JSON_VALID(made_with)),
    CONSTRAINT product_state_is_known
    CHECK (state IN ('pending', 'written', 'pushed', 'failed', 'withdrawn')),
    CONSTRAINT product_has_files CHECK (
        state NOT IN ('written', 'pushed', 'failed')
        OR (netcdf_sha256 IS NOT NULL AND nasa_ames_sha256 IS NOT NULL)
    )
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin
COMMENT = 'versions of products';
