-- A configuration that was used. Parameters: config_name, config_version
SELECT
    digest,
    content
FROM qc_config
WHERE config_name = %(config_name)s AND config_version = %(config_version)s;
