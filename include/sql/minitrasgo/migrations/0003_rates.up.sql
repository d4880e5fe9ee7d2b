-- Rates per minute and figures per day of each station, added up over the files. Words as in 0003_reduced_files.

-- One row is one minute of one station, added up over the files that hold a part of it.
CREATE TABLE IF NOT EXISTS minute (
    station VARCHAR(64) NOT NULL COMMENT 'as in event_file',
    minute_utc DATETIME NOT NULL COMMENT 'begin of the minute (UTC)',
    live_s DOUBLE NOT NULL COMMENT 'live time [s]; above 60 where files overlap',
    sources TINYINT UNSIGNED NOT NULL COMMENT 'files that hold a part of the minute',
    triggers INT UNSIGNED NOT NULL COMMENT 'coincidences',
    tracks INT UNSIGNED NOT NULL COMMENT 'tracks',
    good INT UNSIGNED NOT NULL COMMENT 'good tracks',
    n_12 INT UNSIGNED NOT NULL COMMENT 'tracks of planes 1, 2',
    n_13 INT UNSIGNED NOT NULL COMMENT 'tracks of planes 1, 3',
    n_14 INT UNSIGNED NOT NULL COMMENT 'tracks of planes 1, 4',
    n_23 INT UNSIGNED NOT NULL COMMENT 'tracks of planes 2, 3',
    n_24 INT UNSIGNED NOT NULL COMMENT 'tracks of planes 2, 4',
    n_34 INT UNSIGNED NOT NULL COMMENT 'tracks of planes 3, 4',
    n_123 INT UNSIGNED NOT NULL COMMENT 'tracks of planes 1, 2, 3',
    n_124 INT UNSIGNED NOT NULL COMMENT 'tracks of planes 1, 2, 4',
    n_134 INT UNSIGNED NOT NULL COMMENT 'tracks of planes 1, 3, 4',
    n_234 INT UNSIGNED NOT NULL COMMENT 'tracks of planes 2, 3, 4',
    n_1234 INT UNSIGNED NOT NULL COMMENT 'tracks of all planes',
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
    created_at TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3) COMMENT 'when this row was stored (UTC)',
    updated_at TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3) ON UPDATE CURRENT_TIMESTAMP(3)
    COMMENT 'when this row last changed (UTC)',
    PRIMARY KEY (station, minute_utc),
    CONSTRAINT minute_counts_fit CHECK (SECOND(minute_utc) = 0 AND tracks <= triggers AND good <= tracks)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin
COMMENT = 'rates per minute';

-- One row is the tracks of one topology and region in one minute of one station; what does not occur has no row.
CREATE TABLE IF NOT EXISTS minute_region (
    station VARCHAR(64) NOT NULL COMMENT 'as in minute',
    minute_utc DATETIME NOT NULL COMMENT 'as in minute, where live_s is',
    topology SMALLINT UNSIGNED NOT NULL COMMENT 'planes of the track, as 124',
    region VARCHAR(16) NOT NULL COMMENT 'ring and sector of its direction, as named in the configuration',
    events INT UNSIGNED NOT NULL COMMENT 'tracks',
    good INT UNSIGNED NOT NULL COMMENT 'good tracks',
    PRIMARY KEY (station, minute_utc, topology, region)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin
COMMENT = 'tracks per topology and region in each minute';

-- One row is one UTC day of one station.
CREATE TABLE IF NOT EXISTS station_day (
    station VARCHAR(64) NOT NULL COMMENT 'as in minute',
    `day` DATE NOT NULL COMMENT 'UTC',
    files INT UNSIGNED NOT NULL COMMENT 'files with minutes of the day',
    rejected INT UNSIGNED NOT NULL COMMENT 'lines that could not be read in files that begin on the day',
    minutes INT UNSIGNED NOT NULL COMMENT 'rows of the day in minute',
    overlapping_minutes INT UNSIGNED NOT NULL COMMENT 'minutes in which two files count the same time',
    live_s DOUBLE NOT NULL COMMENT 'live time [s]',
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
    events INT UNSIGNED NOT NULL COMMENT 'coincidences of the files',
    kept INT UNSIGNED NOT NULL COMMENT 'coincidences of the files with a charge left after cleaning',
    purity_pct DOUBLE GENERATED ALWAYS AS (1e2 * kept / NULLIF(events, 0)) STORED
    COMMENT 'kept by events [percent]',
    crt_ps DOUBLE NULL COMMENT 'mean coincidence time resolution of the files, weighted by strip_pairs [ps]',
    strip_pairs INT UNSIGNED NOT NULL COMMENT 'pairs of strips of all files',
    input_digest CHAR(64) NOT NULL
    COMMENT 'SHA-256 over the names and contents of the files, as source_digest in ledger',
    report MEDIUMTEXT NOT NULL COMMENT 'files, calibrations, rejected lines per reason, topologies, notes (JSON)',
    histograms MEDIUMTEXT NOT NULL COMMENT 'charges, time differences and directions of the files (JSON)',
    picture_path VARCHAR(250) NULL COMMENT 'quick look (PNG), below the data root; NULL: not drawn yet',
    picture_digest CHAR(64) NULL COMMENT 'input_digest that it was drawn of: another one means it is out of date',
    created_at TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3) COMMENT 'when this row was stored (UTC)',
    updated_at TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3) ON UPDATE CURRENT_TIMESTAMP(3)
    COMMENT 'when this row last changed (UTC)',
    PRIMARY KEY (station, `day`)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin
COMMENT = 'days of each station';

-- One row is one plane on one day: the counts of the files that have minutes of it, added up.
CREATE TABLE IF NOT EXISTS station_day_plane (
    station VARCHAR(64) NOT NULL COMMENT 'as in station_day',
    `day` DATE NOT NULL COMMENT 'as in station_day',
    plane TINYINT UNSIGNED NOT NULL COMMENT '1 to 4',
    hits INT UNSIGNED NOT NULL COMMENT 'as in event_file_plane',
    streamers INT UNSIGNED NOT NULL COMMENT 'as in event_file_plane',
    streamer_share DOUBLE GENERATED ALWAYS AS (1e0 * streamers / NULLIF(hits, 0)) STORED
    COMMENT 'streamers by hits [1]',
    ratio_accepted INT UNSIGNED NOT NULL COMMENT 'as in event_file_plane',
    ratio_fired INT UNSIGNED NOT NULL COMMENT 'as in event_file_plane',
    ratio_usable BOOLEAN NOT NULL
    COMMENT '0: biased, because the plane is an outer one or helped to record the events',
    ratio_efficiency DOUBLE GENERATED ALWAYS AS (1e0 * ratio_fired / NULLIF(ratio_accepted, 0)) STORED
    COMMENT 'ratio_fired by ratio_accepted [1]',
    ratio_efficiency_error DOUBLE GENERATED ALWAYS AS (
        SQRT(ratio_fired * (1e0 * ratio_accepted - ratio_fired) / NULLIF(ratio_accepted, 0)) / ratio_accepted
    ) STORED COMMENT 'binomial error [1]',
    telescope_accepted INT UNSIGNED NOT NULL COMMENT 'as in event_file_plane',
    telescope_fired INT UNSIGNED NOT NULL COMMENT 'as in event_file_plane',
    telescope_efficiency DOUBLE GENERATED ALWAYS AS (1e0 * telescope_fired / NULLIF(telescope_accepted, 0)) STORED
    COMMENT 'telescope_fired by telescope_accepted [1]',
    telescope_efficiency_error DOUBLE GENERATED ALWAYS AS (
        SQRT(telescope_fired * (1e0 * telescope_accepted - telescope_fired) / NULLIF(telescope_accepted, 0))
        / telescope_accepted
    ) STORED COMMENT 'binomial error [1]',
    PRIMARY KEY (station, `day`, plane)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin
COMMENT = 'days of each station plane by plane';
