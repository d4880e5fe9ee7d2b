-- Which files of a station are copies of an earlier one, among those with the bytes that a file has now or had
-- before. Parameters: station, sha256, sha256_before
UPDATE logger_file AS f
INNER JOIN (
    SELECT
        sha256,
        state,
        MIN(file_id) AS first_id
    FROM logger_file
    WHERE station = %(station)s AND sha256 IN (%(sha256)s, %(sha256_before)s)
    GROUP BY sha256, state
) AS same ON f.sha256 = same.sha256 AND f.state = same.state
SET f.duplicate_of = IF(same.first_id < f.file_id, same.first_id, NULL)
WHERE f.station = %(station)s AND f.sha256 IN (%(sha256)s, %(sha256_before)s);
