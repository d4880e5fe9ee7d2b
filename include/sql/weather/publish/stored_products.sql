-- What could be published of a station's days.
-- Parameters: station, first_day and last_day (both included).
-- One row is one product of one day whose bins are stored.
SELECT
    CAST(`day` AS CHAR) AS partition_key,
    product,
    bins,
    content_digest,
    input_digest,
    config_digest
FROM station_day
WHERE
    station = %(station)s
    AND `day` BETWEEN %(first_day)s AND %(last_day)s
ORDER BY `day`, product
