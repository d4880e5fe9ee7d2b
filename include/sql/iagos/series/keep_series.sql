-- Note a series of the file that was noted last in this session. Parameters: as the columns
INSERT INTO data_series (
    series_file_id, variable, unit, n_good, n_limited, n_erroneous, n_not_validated, n_missing, min_good, median_good,
    max_good, first_good_utc, last_good_utc
) VALUES (
    LAST_INSERT_ID(), %(variable)s, %(unit)s, %(n_good)s, %(n_limited)s, %(n_erroneous)s, %(n_not_validated)s,
    %(n_missing)s, %(min_good)s, %(median_good)s, %(max_good)s, %(first_good_utc)s, %(last_good_utc)s
);
