-- A verdict. Parameters: qc_run_id
SELECT
    qc_run_id,
    data_level,
    config_name,
    config_version,
    input_digest,
    output_digest,
    data_digest,
    path,
    sha256,
    made_at_utc
FROM qc_run
WHERE qc_run_id = %(qc_run_id)s;
