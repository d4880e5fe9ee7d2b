-- What the reduced files hold of each day: files that are no longer to be used contribute nothing, and a day that has
-- minutes but no files any more is listed with one record, so that it is emptied. One row: one day.
-- Parameters: station, first_day, last_day
WITH fed AS (
    SELECT
        d.`day`,
        COUNT(*) AS files,
        SHA2(GROUP_CONCAT(e.basename, ' ', e.content_digest ORDER BY e.basename SEPARATOR '\n'), 256) AS digest
    FROM file_day AS d
    INNER JOIN event_file AS e ON d.file_id = e.file_id
    INNER JOIN raw_file AS r ON d.file_id = r.file_id
    WHERE
        d.station = %(station)s
        AND d.`day` BETWEEN %(first_day)s AND %(last_day)s
        AND r.state = 'arrived'
    GROUP BY d.`day`
),

made AS (
    SELECT `day`
    FROM station_day
    WHERE station = %(station)s AND `day` BETWEEN %(first_day)s AND %(last_day)s
)

SELECT
    CAST(fed.`day` AS CHAR) AS partition_key,
    fed.files AS source_rows,
    fed.digest AS source_digest
FROM fed
UNION ALL
SELECT
    CAST(made.`day` AS CHAR) AS partition_key,
    1 AS source_rows,
    SHA2('', 256) AS source_digest
FROM made
LEFT JOIN fed ON made.`day` = fed.`day`
WHERE fed.`day` IS NULL
