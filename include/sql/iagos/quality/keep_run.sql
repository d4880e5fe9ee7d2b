-- A verdict. Parameters: flight_id, instrument_type, revision, data_level, config_name, config_version, input_digest,
-- output_digest, data_digest, path, sha256, now, run_id
INSERT INTO qc_run (
    flight_id,
    instrument_type,
    revision,
    data_level,
    config_name,
    config_version,
    input_digest,
    output_digest,
    data_digest,
    path,
    sha256,
    made_at_utc,
    run_id
)
VALUES (
    %(flight_id)s,
    %(instrument_type)s,
    %(revision)s,
    %(data_level)s,
    %(config_name)s,
    %(config_version)s,
    %(input_digest)s,
    %(output_digest)s,
    %(data_digest)s,
    %(path)s,
    %(sha256)s,
    %(now)s,
    %(run_id)s
);
