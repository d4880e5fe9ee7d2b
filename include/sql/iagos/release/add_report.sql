-- A report. Parameters: as the columns; level_name, now
INSERT INTO report (
    flight_id, instrument_type, revision, level, qc_run_id, data_digest, series_digest, flags_by_hand, page, title,
    summary, suggestion, least_available, availability, critical, made_at_utc, run_id
) VALUES (
    %(flight_id)s, %(instrument_type)s, %(revision)s, %(level_name)s, %(qc_run_id)s, %(data_digest)s,
    %(series_digest)s, %(flags_by_hand)s, %(page)s, %(title)s, %(summary)s, %(suggestion)s, %(least_available)s,
    %(availability)s, %(critical)s, %(now)s, %(run_id)s
);
