-- What arrived of each day, for the ledger. The digest changes when a file to be reduced comes, goes or changes, and
-- when another one changes its state. One row: one day on which files begin. Parameter: station
SELECT
    station AS member,
    DATE_FORMAT(begin_utc, '%%Y-%%m-%%d') AS partition_key,
    COUNT(*) AS source_rows,
    SHA2(GROUP_CONCAT(basename, ' ', state, ' ', sha256 ORDER BY basename SEPARATOR '\n'), 256) AS source_digest,
    CAST(SUM(state = 'arrived') AS UNSIGNED) AS arrived,
    CAST(SUM(state = 'empty') AS UNSIGNED) AS n_empty,
    CAST(SUM(state = 'corrupt') AS UNSIGNED) AS corrupt,
    CAST(SUM(state = 'foreign') AS UNSIGNED) AS n_foreign,
    CAST(SUM(state = 'duplicate') AS UNSIGNED) AS duplicates,
    CAST(SUM(state = 'packed') AS UNSIGNED) AS packed
FROM raw_file
WHERE station = %(station)s
GROUP BY station, DATE_FORMAT(begin_utc, '%%Y-%%m-%%d');
