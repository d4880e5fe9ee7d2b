-- The instrument database, first half: people, components, calibrations.
-- All times are UTC; periods include their first moment and not their last; what has no end yet ends on 9999-12-31, for
-- the server compares periods and takes no NULL for that. Nothing is ever deleted together with something else.

-- One row is one person.
CREATE TABLE IF NOT EXISTS person (
    person_id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT COMMENT 'number',
    login VARCHAR(64) NOT NULL COMMENT 'name at log-in',
    name VARCHAR(128) NOT NULL COMMENT 'full name',
    email VARCHAR(254) NOT NULL DEFAULT '' COMMENT 'where to write to',
    created_at DATETIME(6) NOT NULL COMMENT 'when the row was written (UTC)',
    created_by VARCHAR(64) NOT NULL COMMENT 'who wrote it: login, or automatic',
    PRIMARY KEY (person_id),
    UNIQUE KEY person_once (login)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin
COMMENT = 'people who operate, decide or manage';

-- One row is what a person may do during some time.
CREATE TABLE IF NOT EXISTS person_role (
    person_role_id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT COMMENT 'number',
    person_id BIGINT UNSIGNED NOT NULL COMMENT 'who',
    role VARCHAR(16) NOT NULL COMMENT 'reader, operator, PI, manager or admin',
    instrument_type VARCHAR(8) NOT NULL DEFAULT '' COMMENT 'for which instrument type; empty: for all',
    valid_from DATETIME NOT NULL COMMENT 'from when on (UTC)',
    valid_to DATETIME NOT NULL DEFAULT '9999-12-31 00:00:00'
    COMMENT 'until when (UTC, not included); 9999-12-31: open',
    created_at DATETIME(6) NOT NULL COMMENT 'when the row was written (UTC)',
    created_by VARCHAR(64) NOT NULL COMMENT 'who wrote it: login, or automatic',
    PERIOD FOR validity (valid_from, valid_to),
    PRIMARY KEY (person_role_id),
    UNIQUE KEY person_role_once_at_a_time (person_id, role, instrument_type, validity WITHOUT OVERLAPS),
    CONSTRAINT person_role_is_of_a_person FOREIGN KEY (person_id)
    REFERENCES person (person_id) ON DELETE RESTRICT,
    CONSTRAINT person_role_is_known CHECK (role IN ('reader', 'operator', 'PI', 'manager', 'admin'))
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin
COMMENT = 'what people may do, and when';

-- One row is a class of components.
CREATE TABLE IF NOT EXISTS component_class (
    component_class_id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT COMMENT 'number',
    name VARCHAR(32) NOT NULL COMMENT 'Unit, Sensor, CPU, Pump, ...',
    description VARCHAR(1000) NOT NULL DEFAULT '' COMMENT 'what a person should know',
    created_at DATETIME(6) NOT NULL COMMENT 'when the row was written (UTC)',
    created_by VARCHAR(64) NOT NULL COMMENT 'who wrote it: login, or automatic',
    PRIMARY KEY (component_class_id),
    UNIQUE KEY component_class_once (name)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin
COMMENT = 'classes of components';

-- One row is a type of components.
CREATE TABLE IF NOT EXISTS component_type (
    component_type_id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT COMMENT 'number',
    name VARCHAR(32) NOT NULL COMMENT 'as it is called: O3 analyser, PT100, ...',
    component_class_id BIGINT UNSIGNED NOT NULL COMMENT 'class',
    description VARCHAR(1000) NOT NULL DEFAULT '' COMMENT 'what a person should know',
    created_at DATETIME(6) NOT NULL COMMENT 'when the row was written (UTC)',
    created_by VARCHAR(64) NOT NULL COMMENT 'who wrote it: login, or automatic',
    PRIMARY KEY (component_type_id),
    UNIQUE KEY component_type_once (name),
    CONSTRAINT component_type_has_a_class FOREIGN KEY (component_class_id)
    REFERENCES component_class (component_class_id) ON DELETE RESTRICT
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin
COMMENT = 'types of components';

-- One row is a quantity in a unit.
CREATE TABLE IF NOT EXISTS parameter (
    parameter_id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT COMMENT 'number',
    name VARCHAR(64) NOT NULL COMMENT 'quantity',
    unit VARCHAR(32) NOT NULL COMMENT 'as UDUNITS reads it',
    standard_name VARCHAR(128) NULL COMMENT 'CF standard name; NULL: there is none',
    description VARCHAR(1000) NOT NULL DEFAULT '' COMMENT 'what a person should know',
    created_at DATETIME(6) NOT NULL COMMENT 'when the row was written (UTC)',
    created_by VARCHAR(64) NOT NULL COMMENT 'who wrote it: login, or automatic',
    PRIMARY KEY (parameter_id),
    UNIQUE KEY parameter_once (name, unit)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin
COMMENT = 'quantities that components measure';

-- One row says that components of a type have a quantity.
CREATE TABLE IF NOT EXISTS component_type_parameter (
    component_type_parameter_id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT COMMENT 'number',
    component_type_id BIGINT UNSIGNED NOT NULL COMMENT 'type of components',
    parameter_id BIGINT UNSIGNED NOT NULL COMMENT 'quantity',
    created_at DATETIME(6) NOT NULL COMMENT 'when the row was written (UTC)',
    created_by VARCHAR(64) NOT NULL COMMENT 'who wrote it: login, or automatic',
    PRIMARY KEY (component_type_parameter_id),
    UNIQUE KEY component_type_parameter_once (component_type_id, parameter_id),
    CONSTRAINT component_type_parameter_has_a_type FOREIGN KEY (component_type_id)
    REFERENCES component_type (component_type_id) ON DELETE RESTRICT,
    CONSTRAINT component_type_parameter_has_a_quantity FOREIGN KEY (parameter_id)
    REFERENCES parameter (parameter_id) ON DELETE RESTRICT
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin
COMMENT = 'quantities of each type of components';

-- One row is one piece of hardware.
CREATE TABLE IF NOT EXISTS component (
    component_id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT COMMENT 'number',
    component_type_id BIGINT UNSIGNED NOT NULL COMMENT 'type',
    serial_no VARCHAR(64) NOT NULL COMMENT 'serial number, once per type',
    description VARCHAR(1000) NOT NULL DEFAULT '' COMMENT 'what a person should know',
    created_at DATETIME(6) NOT NULL COMMENT 'when the row was written (UTC)',
    created_by VARCHAR(64) NOT NULL COMMENT 'who wrote it: login, or automatic',
    PRIMARY KEY (component_id),
    UNIQUE KEY component_once (component_type_id, serial_no),
    CONSTRAINT component_has_a_type FOREIGN KEY (component_type_id)
    REFERENCES component_type (component_type_id) ON DELETE RESTRICT
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin
COMMENT = 'pieces of hardware';

-- One row is the condition of a component during some time.
CREATE TABLE IF NOT EXISTS component_status (
    component_status_id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT COMMENT 'number',
    component_id BIGINT UNSIGNED NOT NULL COMMENT 'component',
    status VARCHAR(16) NOT NULL COMMENT 'ok, defective, in repair or retired',
    valid_from DATETIME NOT NULL COMMENT 'from when on (UTC)',
    valid_to DATETIME NOT NULL DEFAULT '9999-12-31 00:00:00'
    COMMENT 'until when (UTC, not included); 9999-12-31: open',
    created_at DATETIME(6) NOT NULL COMMENT 'when the row was written (UTC)',
    created_by VARCHAR(64) NOT NULL COMMENT 'who wrote it: login, or automatic',
    PERIOD FOR validity (valid_from, valid_to),
    PRIMARY KEY (component_status_id),
    UNIQUE KEY component_status_one_at_a_time (component_id, validity WITHOUT OVERLAPS),
    CONSTRAINT component_status_is_of_a_component FOREIGN KEY (component_id)
    REFERENCES component (component_id) ON DELETE RESTRICT,
    CONSTRAINT component_status_is_known CHECK (status IN ('ok', 'defective', 'in repair', 'retired'))
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin
COMMENT = 'condition of components';

-- One row says that a component is built into another one during some time, as it was known from recorded_at to
-- recorded_until. The component on top of a tree is the one that is deployed. No cycles: a check of the code.
CREATE TABLE IF NOT EXISTS component_relation (
    component_relation_id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT COMMENT 'number',
    component_id BIGINT UNSIGNED NOT NULL COMMENT 'component',
    parent_id BIGINT UNSIGNED NOT NULL COMMENT 'component that it is built into',
    installed_at DATETIME NOT NULL COMMENT 'when it was built in (UTC)',
    removed_at DATETIME NOT NULL DEFAULT '9999-12-31 00:00:00'
    COMMENT 'when it was taken out (UTC, not included); 9999-12-31: open',
    corrects BIGINT UNSIGNED NULL COMMENT 'row that this one corrects; NULL: none',
    recorded_at DATETIME(6) NOT NULL COMMENT 'from when on the row was known (UTC)',
    recorded_until DATETIME(6) NOT NULL DEFAULT '9999-12-31 00:00:00'
    COMMENT 'until when it counted as true (UTC); 9999-12-31: it still does. Nothing else of a row ever changes',
    created_by VARCHAR(64) NOT NULL COMMENT 'who wrote it: login, or automatic',
    ended_by VARCHAR(64) NULL COMMENT 'who corrected or withdrew it; NULL: nobody',
    PERIOD FOR built_in (installed_at, removed_at),
    PRIMARY KEY (component_relation_id),
    UNIQUE KEY component_relation_one_parent_at_a_time (component_id, recorded_until, built_in WITHOUT OVERLAPS),
    KEY component_relation_of_parent (parent_id, installed_at),
    UNIQUE KEY component_relation_corrected_once (corrects),
    CONSTRAINT component_relation_corrects_a_row FOREIGN KEY (corrects)
    REFERENCES component_relation (component_relation_id) ON DELETE RESTRICT,
    CONSTRAINT component_relation_recorded_in_order CHECK (recorded_at <= recorded_until),
    CONSTRAINT component_relation_is_of_a_component FOREIGN KEY (component_id)
    REFERENCES component (component_id) ON DELETE RESTRICT,
    CONSTRAINT component_relation_has_a_parent FOREIGN KEY (parent_id)
    REFERENCES component (component_id) ON DELETE RESTRICT,
    CONSTRAINT component_relation_is_of_two CHECK (component_id <> parent_id)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin
COMMENT = 'which component is built into which';

-- One row is a kind of function from raw to calibrated values.
CREATE TABLE IF NOT EXISTS calibration_function (
    function VARCHAR(16) NOT NULL COMMENT 'name',
    formula VARCHAR(200) NOT NULL COMMENT 'how calibrated y follows from raw x',
    PRIMARY KEY (function)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin
COMMENT = 'functions that calibrations may be';

INSERT IGNORE INTO calibration_function (function, formula)
VALUES
('linear', 'y = slope x + offset'),
('polynomial', 'y = c0 + c1 x + c2 x^2 + ...'),
('table', 'y linear between the nodes (x0, y0), (x1, y1), ..., x rising');

-- One row is one calibration, as it was known from recorded_at to recorded_until. No role: pre and post follow from
-- deployments.
CREATE TABLE IF NOT EXISTS calibration (
    calibration_id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT COMMENT 'number',
    component_id BIGINT UNSIGNED NOT NULL COMMENT 'component',
    calibrated_at DATETIME NOT NULL COMMENT 'when it was made, of several days the last (UTC)',
    name VARCHAR(64) NOT NULL DEFAULT '' COMMENT 'tells calibrations at one time apart',
    function VARCHAR(16) NOT NULL COMMENT 'kind of function',
    description VARCHAR(1000) NOT NULL DEFAULT '' COMMENT 'what a person should know',
    corrects BIGINT UNSIGNED NULL COMMENT 'row that this one corrects; NULL: none',
    recorded_at DATETIME(6) NOT NULL COMMENT 'from when on the row was known (UTC)',
    recorded_until DATETIME(6) NOT NULL DEFAULT '9999-12-31 00:00:00'
    COMMENT 'until when it counted as true (UTC); 9999-12-31: it still does. Nothing else of a row ever changes',
    created_by VARCHAR(64) NOT NULL COMMENT 'who wrote it: login, or automatic',
    ended_by VARCHAR(64) NULL COMMENT 'who corrected or withdrew it; NULL: nobody',
    PRIMARY KEY (calibration_id),
    UNIQUE KEY calibration_once (component_id, calibrated_at, name, recorded_until),
    UNIQUE KEY calibration_corrected_once (corrects),
    CONSTRAINT calibration_corrects_a_row FOREIGN KEY (corrects)
    REFERENCES calibration (calibration_id) ON DELETE RESTRICT,
    CONSTRAINT calibration_recorded_in_order CHECK (recorded_at <= recorded_until),
    CONSTRAINT calibration_is_of_a_component FOREIGN KEY (component_id)
    REFERENCES component (component_id) ON DELETE RESTRICT,
    CONSTRAINT calibration_has_a_function FOREIGN KEY (function)
    REFERENCES calibration_function (function) ON DELETE RESTRICT
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin
COMMENT = 'calibrations of components, with all their corrections';

-- One row is one parameter of a calibration.
CREATE TABLE IF NOT EXISTS calibration_parameter (
    calibration_id BIGINT UNSIGNED NOT NULL COMMENT 'calibration',
    name VARCHAR(16) NOT NULL COMMENT 'slope, offset; c0, c1, ...; x0, y0, x1, y1, ...',
    value DOUBLE NOT NULL COMMENT 'value [unit of the calibrated quantity]',
    uncertainty DOUBLE NULL COMMENT 'its uncertainty [same unit]; NULL: not known',
    PRIMARY KEY (calibration_id, name),
    CONSTRAINT calibration_parameter_is_of_a_calibration FOREIGN KEY (calibration_id)
    REFERENCES calibration (calibration_id) ON DELETE RESTRICT,
    CONSTRAINT calibration_parameter_is_certain CHECK (uncertainty >= 0)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin
COMMENT = 'parameters of calibrations';
