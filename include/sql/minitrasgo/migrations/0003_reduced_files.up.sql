-- What is made of each raw detector file: its calibration, its figures, its counts per minute.
-- NULL is a value that is not known. Planes and strips are numbered from 1, plane 1 on top. A topology is the digits
-- of the planes that were hit, as 124. Coincidences are events with trigger type 1; tracks are those with two planes or
-- more and a fitted track; good tracks pass all limits of `quality` in the configuration. A rate is a count by live
-- seconds, its error the square root of the count by the same; below one live second there is none.

-- One row is the calibration that the hits of one file gave, filled up where it has too few of them.
CREATE TABLE IF NOT EXISTS calibration (
    file_id INT UNSIGNED NOT NULL COMMENT 'as in raw_file',
    station VARCHAR(64) NOT NULL COMMENT 'as in raw_file',
    basename VARCHAR(32) NOT NULL COMMENT 'as in raw_file',
    sha256 CHAR(64) NOT NULL COMMENT 'SHA-256 of the file that was calibrated',
    config_digest CHAR(64) NOT NULL COMMENT 'SHA-256 of station, run-dictionary row and limits',
    run_hash CHAR(64) NOT NULL COMMENT 'row_hash in run_dictionary',
    valid_from_utc DATETIME NULL COMMENT 'first event of the file (UTC)',
    valid_to_utc DATETIME NULL COMMENT 'last event of the file (UTC)',
    hits INT UNSIGNED NOT NULL COMMENT 'strip hits that it was made of',
    status VARCHAR(10) NOT NULL
    COMMENT 'own: all from this file; borrowed: the rest from borrowed_from; incomplete: neither has all',
    borrowed_from VARCHAR(32) NULL COMMENT 'basename of the file whose calibration filled the gaps',
    crt_ps DOUBLE NULL COMMENT 'mean coincidence time resolution of pairs of strips [ps]',
    crt_std_ps DOUBLE NULL COMMENT 'standard deviation of it over the pairs [ps]',
    strip_pairs INT UNSIGNED NOT NULL COMMENT 'pairs of strips that entered the time calibration',
    own MEDIUMTEXT NOT NULL COMMENT 'calibration by the hits of this file alone (JSON): what later files may borrow',
    digest CHAR(64) NULL
    COMMENT 'SHA-256 of the values in calibration_strip; NULL: calibrated only, to be borrowed from',
    created_at TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3) COMMENT 'when this row was stored (UTC)',
    updated_at TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3) ON UPDATE CURRENT_TIMESTAMP(3)
    COMMENT 'when this row last changed (UTC)',
    PRIMARY KEY (file_id),
    UNIQUE KEY calibration_by_name (station, basename),
    CONSTRAINT calibration_file_came FOREIGN KEY (file_id) REFERENCES raw_file (file_id),
    CONSTRAINT calibration_status_is_known CHECK (status IN ('own', 'borrowed', 'incomplete')),
    CONSTRAINT calibration_borrows_from_one CHECK (status <> 'borrowed' OR borrowed_from IS NOT NULL)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin
COMMENT = 'calibration of each file';

-- One row is one strip of one calibration: what was subtracted from its hits or added to them.
CREATE TABLE IF NOT EXISTS calibration_strip (
    file_id INT UNSIGNED NOT NULL COMMENT 'as in calibration',
    plane TINYINT UNSIGNED NOT NULL COMMENT '1 to 4',
    strip TINYINT UNSIGNED NOT NULL COMMENT '1 to 4',
    hits INT UNSIGNED NOT NULL COMMENT 'hits of the strip that the calibration was made of',
    pedestal_front_ns DOUBLE NULL COMMENT 'charge pedestal of the front end, subtracted [ns]',
    pedestal_front_error_ns DOUBLE NULL COMMENT 'its statistical error [ns]',
    pedestal_front_origin VARCHAR(10) NOT NULL COMMENT 'own, last good, neighbours or none',
    pedestal_back_ns DOUBLE NULL COMMENT 'charge pedestal of the back end, subtracted [ns]',
    pedestal_back_error_ns DOUBLE NULL COMMENT 'its statistical error [ns]',
    pedestal_back_origin VARCHAR(10) NOT NULL COMMENT 'own, last good, neighbours or none',
    t_dif_offset_ns DOUBLE NULL COMMENT 'middle of the box of time differences, subtracted [ns]',
    t_dif_offset_error_ns DOUBLE NULL COMMENT 'its statistical error [ns]',
    t_dif_width_ns DOUBLE NULL COMMENT 'width of the box of time differences [ns]',
    t_dif_offset_origin VARCHAR(10) NOT NULL COMMENT 'own, last good, neighbours or none',
    t_sum_offset_ns DOUBLE NULL COMMENT 'time offset, added; strip 1 of plane 1 has 0 [ns]',
    t_sum_offset_error_ns DOUBLE NULL COMMENT 'its statistical error [ns]',
    t_sum_offset_origin VARCHAR(10) NOT NULL COMMENT 'own, last good, neighbours or none',
    front_back VARCHAR(250) NULL
    COMMENT 'coefficients of charge difference by charge, lowest power first (JSON) [ns, 1, ns-1 ...]; NULL: no fit',
    front_back_origin VARCHAR(10) NOT NULL COMMENT 'own, last good, neighbours or none',
    cross_talk_pedestal_ns DOUBLE NULL COMMENT 'charge subtracted for cross-talk [ns]; NULL: not looked for',
    cross_talk_limit_ns DOUBLE NULL COMMENT 'smaller charges count as cross-talk [ns]; NULL: not looked for',
    PRIMARY KEY (file_id, plane, strip),
    CONSTRAINT calibration_strip_has_calibration FOREIGN KEY (file_id)
    REFERENCES calibration (file_id) ON DELETE CASCADE,
    CONSTRAINT calibration_strip_exists CHECK (plane BETWEEN 1 AND 4 AND strip BETWEEN 1 AND 4)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin
COMMENT = 'calibrations strip by strip';

-- One row is one reduced file: what it was made of, and its figures.
CREATE TABLE IF NOT EXISTS event_file (
    file_id INT UNSIGNED NOT NULL COMMENT 'as in raw_file',
    station VARCHAR(64) NOT NULL COMMENT 'as in raw_file: member of the ledger',
    basename VARCHAR(32) NOT NULL COMMENT 'as in raw_file: partition of the ledger',
    begin_utc DATETIME NOT NULL COMMENT 'as in raw_file (UTC)',
    sha256 CHAR(64) NOT NULL COMMENT 'SHA-256 of the raw file that was reduced',
    run_hash CHAR(64) NOT NULL COMMENT 'row_hash in run_dictionary',
    run_in_force BOOLEAN NOT NULL
    COMMENT '0: no row of the run dictionary holds for that day, the nearest one was used',
    config_digest CHAR(64) NOT NULL COMMENT 'SHA-256 of station, run-dictionary row and limits',
    calibration_digest CHAR(64) NOT NULL COMMENT 'digest in calibration',
    code_version VARCHAR(64) NOT NULL COMMENT 'version of skyledger that reduced it',
    accepted INT UNSIGNED NOT NULL COMMENT 'lines with an event of any trigger type',
    rejected INT UNSIGNED NOT NULL COMMENT 'lines that could not be read',
    events INT UNSIGNED NOT NULL COMMENT 'coincidences (trigger type 1)',
    kept INT UNSIGNED NOT NULL COMMENT 'coincidences with a charge left after cleaning',
    purity_pct DOUBLE GENERATED ALWAYS AS (1e2 * kept / NULLIF(events, 0)) STORED
    COMMENT 'kept by events [percent]',
    self_triggers INT UNSIGNED NOT NULL COMMENT 'events of trigger type 2',
    first_event_utc DATETIME NULL COMMENT 'time of the first accepted line (UTC)',
    last_event_utc DATETIME NULL COMMENT 'time of the last accepted line (UTC)',
    live_s DOUBLE NOT NULL COMMENT 'live time [s]',
    dead_s DOUBLE NOT NULL COMMENT 'time in pauses that count as dead [s]',
    dropped_s INT UNSIGNED NOT NULL COMMENT 'seconds left out because improbably many events fell into them [s]',
    triggers INT UNSIGNED NOT NULL COMMENT 'coincidences in live time',
    tracks INT UNSIGNED NOT NULL COMMENT 'tracks in live time',
    good INT UNSIGNED NOT NULL COMMENT 'good tracks in live time',
    trigger_rate_hz DOUBLE GENERATED ALWAYS AS (IF(live_s >= 1, triggers / live_s, NULL)) STORED
    COMMENT 'triggers by live_s [Hz]',
    trigger_rate_error_hz DOUBLE GENERATED ALWAYS AS (IF(live_s >= 1, SQRT(triggers) / live_s, NULL)) STORED
    COMMENT 'statistical error [Hz]',
    track_rate_hz DOUBLE GENERATED ALWAYS AS (IF(live_s >= 1, tracks / live_s, NULL)) STORED
    COMMENT 'tracks by live_s [Hz]',
    track_rate_error_hz DOUBLE GENERATED ALWAYS AS (IF(live_s >= 1, SQRT(tracks) / live_s, NULL)) STORED
    COMMENT 'statistical error [Hz]',
    good_rate_hz DOUBLE GENERATED ALWAYS AS (IF(live_s >= 1, good / live_s, NULL)) STORED
    COMMENT 'good by live_s [Hz]',
    good_rate_error_hz DOUBLE GENERATED ALWAYS AS (IF(live_s >= 1, SQRT(good) / live_s, NULL)) STORED
    COMMENT 'statistical error [Hz]',
    crt_ps DOUBLE NULL COMMENT 'as in calibration [ps]',
    strip_pairs INT UNSIGNED NOT NULL COMMENT 'as in calibration',
    minutes INT UNSIGNED NOT NULL COMMENT 'rows in file_minute',
    events_path VARCHAR(250) NOT NULL COMMENT 'event table (Parquet), below the data root',
    events_sha256 CHAR(64) NOT NULL COMMENT 'SHA-256 of the event table',
    content_digest CHAR(64) NOT NULL COMMENT 'SHA-256 of all figures and counts: equal ones have equal digests',
    report MEDIUMTEXT NOT NULL
    COMMENT 'topologies and transitions, values removed per filter, rejected lines per reason, notes (JSON)',
    histograms MEDIUMTEXT NOT NULL COMMENT 'charges, time differences and directions (JSON), see histograms.py',
    created_at TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3) COMMENT 'when the file was first reduced (UTC)',
    updated_at TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3) ON UPDATE CURRENT_TIMESTAMP(3)
    COMMENT 'when this row last changed (UTC)',
    PRIMARY KEY (file_id),
    UNIQUE KEY event_file_by_name (station, basename),
    KEY event_file_by_begin (station, begin_utc),
    CONSTRAINT event_file_came FOREIGN KEY (file_id) REFERENCES raw_file (file_id),
    CONSTRAINT event_file_counts_fit CHECK (
        kept <= events AND events + self_triggers <= accepted
        AND triggers <= events AND tracks <= triggers AND good <= tracks
    )
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin
COMMENT = 'files that were reduced';

-- One row is one plane in one file. Efficiencies are ratios of these counts: they add up over files.
CREATE TABLE IF NOT EXISTS event_file_plane (
    file_id INT UNSIGNED NOT NULL COMMENT 'as in event_file',
    plane TINYINT UNSIGNED NOT NULL COMMENT '1 to 4',
    hits INT UNSIGNED NOT NULL COMMENT 'events with a hit in this plane',
    streamers INT UNSIGNED NOT NULL COMMENT 'those whose charge is above the limit for streamers',
    streamer_share DOUBLE GENERATED ALWAYS AS (1e0 * streamers / NULLIF(hits, 0)) STORED
    COMMENT 'streamers by hits [1]',
    ratio_accepted INT UNSIGNED NOT NULL COMMENT 'events with hits in the three other planes',
    ratio_fired INT UNSIGNED NOT NULL COMMENT 'those with a hit in this plane as well',
    ratio_usable BOOLEAN NOT NULL
    COMMENT '0: biased, because the plane is an outer one or helped to record the events',
    ratio_efficiency DOUBLE GENERATED ALWAYS AS (1e0 * ratio_fired / NULLIF(ratio_accepted, 0)) STORED
    COMMENT 'ratio_fired by ratio_accepted [1]',
    ratio_efficiency_error DOUBLE GENERATED ALWAYS AS (
        SQRT(ratio_fired * (1e0 * ratio_accepted - ratio_fired) / NULLIF(ratio_accepted, 0)) / ratio_accepted
    ) STORED COMMENT 'binomial error [1]',
    telescope_accepted INT UNSIGNED NOT NULL
    COMMENT 'tracks of the three other planes that cross the inner part of this plane',
    telescope_fired INT UNSIGNED NOT NULL COMMENT 'those with a hit in this plane as well',
    telescope_efficiency DOUBLE GENERATED ALWAYS AS (1e0 * telescope_fired / NULLIF(telescope_accepted, 0)) STORED
    COMMENT 'telescope_fired by telescope_accepted [1]',
    telescope_efficiency_error DOUBLE GENERATED ALWAYS AS (
        SQRT(telescope_fired * (1e0 * telescope_accepted - telescope_fired) / NULLIF(telescope_accepted, 0))
        / telescope_accepted
    ) STORED COMMENT 'binomial error [1]',
    PRIMARY KEY (file_id, plane),
    CONSTRAINT event_file_plane_has_file FOREIGN KEY (file_id) REFERENCES event_file (file_id) ON DELETE CASCADE,
    CONSTRAINT event_file_plane_counts_fit CHECK (
        plane BETWEEN 1 AND 4 AND streamers <= hits
        AND ratio_fired <= ratio_accepted AND telescope_fired <= telescope_accepted
    )
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin
COMMENT = 'reduced files plane by plane';

-- One row is one UTC day that a file has minutes of: two around midnight.
CREATE TABLE IF NOT EXISTS file_day (
    file_id INT UNSIGNED NOT NULL COMMENT 'as in event_file',
    `day` DATE NOT NULL COMMENT 'UTC',
    station VARCHAR(64) NOT NULL COMMENT 'as in event_file',
    minutes INT UNSIGNED NOT NULL COMMENT 'rows of the day in file_minute',
    PRIMARY KEY (file_id, `day`),
    KEY file_day_by_day (station, `day`),
    CONSTRAINT file_day_has_file FOREIGN KEY (file_id) REFERENCES event_file (file_id) ON DELETE CASCADE
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin
COMMENT = 'which days a reduced file feeds';

-- One row is one minute of one file: the file's share in the station's minute.
CREATE TABLE IF NOT EXISTS file_minute (
    file_id INT UNSIGNED NOT NULL COMMENT 'as in event_file',
    minute_utc DATETIME NOT NULL COMMENT 'begin of the minute (UTC)',
    live_s DOUBLE NOT NULL COMMENT 'live time of the file in the minute [s]',
    triggers INT UNSIGNED NOT NULL COMMENT 'coincidences',
    PRIMARY KEY (file_id, minute_utc),
    CONSTRAINT file_minute_has_file FOREIGN KEY (file_id) REFERENCES event_file (file_id) ON DELETE CASCADE,
    CONSTRAINT file_minute_is_one_minute CHECK (live_s >= 0 AND live_s <= 60 AND SECOND(minute_utc) = 0)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin
COMMENT = 'minutes of each reduced file';

-- One row is the tracks of one topology and region in one minute of one file; what does not occur has no row.
CREATE TABLE IF NOT EXISTS file_minute_count (
    file_id INT UNSIGNED NOT NULL COMMENT 'as in event_file',
    minute_utc DATETIME NOT NULL COMMENT 'as in file_minute',
    topology SMALLINT UNSIGNED NOT NULL COMMENT 'planes of the track, as 124',
    region VARCHAR(16) NOT NULL COMMENT 'ring and sector of its direction, as named in the configuration',
    events INT UNSIGNED NOT NULL COMMENT 'tracks',
    good INT UNSIGNED NOT NULL COMMENT 'good tracks',
    PRIMARY KEY (file_id, minute_utc, topology, region),
    CONSTRAINT file_minute_count_has_file FOREIGN KEY (file_id) REFERENCES event_file (file_id) ON DELETE CASCADE,
    CONSTRAINT file_minute_count_fits CHECK (good <= events)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin
COMMENT = 'tracks per topology and region in minutes of each reduced file';
