-- What one test found. Parameters: the columns
INSERT INTO qc_result (
    qc_run_id,
    variable,
    test,
    critical,
    n_suspect,
    n_fail,
    intervals,
    intervals_left_out,
    worst_value,
    worst_at_utc
)
VALUES (
    %(qc_run_id)s,
    %(variable)s,
    %(test)s,
    %(critical)s,
    %(n_suspect)s,
    %(n_fail)s,
    %(intervals)s,
    %(intervals_left_out)s,
    %(worst_value)s,
    %(worst_at_utc)s
);
