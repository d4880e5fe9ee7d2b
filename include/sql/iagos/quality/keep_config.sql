-- A configuration at its first use; known already: nothing.
-- Parameters: config_name, config_version, digest, content, now
INSERT IGNORE INTO qc_config (config_name, config_version, digest, content, first_used_utc)
VALUES (%(config_name)s, %(config_version)s, %(digest)s, %(content)s, %(now)s);
