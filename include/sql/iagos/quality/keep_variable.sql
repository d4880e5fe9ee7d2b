-- One variable of a verdict. Parameters: the columns
INSERT INTO qc_variable (
    qc_run_id,
    variable,
    n_rows,
    n_good,
    n_limited,
    n_erroneous,
    n_not_validated,
    n_missing,
    lowest,
    median,
    highest,
    first_good_utc,
    last_good_utc
)
VALUES (
    %(qc_run_id)s,
    %(variable)s,
    %(n_rows)s,
    %(n_good)s,
    %(n_limited)s,
    %(n_erroneous)s,
    %(n_not_validated)s,
    %(n_missing)s,
    %(lowest)s,
    %(median)s,
    %(highest)s,
    %(first_good_utc)s,
    %(last_good_utc)s
);
