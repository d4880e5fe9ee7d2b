-- Reduced files that are to be used and have minutes of a day, in the order of their begin. One row: one file.
-- Parameters: station, day
SELECT
    e.file_id,
    e.basename,
    e.begin_utc,
    e.sha256,
    e.run_hash,
    e.run_in_force,
    e.config_digest,
    e.accepted,
    e.rejected,
    e.events,
    e.kept,
    e.self_triggers,
    e.first_event_utc,
    e.last_event_utc,
    e.live_s,
    e.triggers,
    e.tracks,
    e.good,
    e.trigger_rate_hz,
    e.trigger_rate_error_hz,
    e.crt_ps,
    e.strip_pairs,
    e.events_path,
    e.content_digest,
    c.status AS calibration,
    c.borrowed_from,
    e.report,
    e.histograms
FROM file_day AS d
INNER JOIN event_file AS e ON d.file_id = e.file_id
INNER JOIN raw_file AS r ON d.file_id = r.file_id
INNER JOIN calibration AS c ON d.file_id = c.file_id
WHERE d.station = %(station)s AND d.`day` = %(day)s AND r.state = 'arrived'
ORDER BY e.begin_utc, e.basename
