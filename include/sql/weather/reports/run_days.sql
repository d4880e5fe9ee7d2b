-- What one run did per station and day. Parameters: run_id, observations and geostreams (dataset names).
-- One row is one station-day that the run made or published, with the last attempt it made.
WITH last_attempt AS (
    SELECT
        dataset,
        member,
        partition_key,
        MAX(attempt) AS attempt
    FROM run_record
    WHERE run_id = %(run_id)s AND dataset IN (%(observations)s, %(geostreams)s)
    GROUP BY dataset, member, partition_key
),

attempted AS (
    SELECT r.*
    FROM run_record AS r
    INNER JOIN last_attempt USING (dataset, member, partition_key, attempt)
),

station_days AS (
    SELECT DISTINCT
        member,
        partition_key
    FROM attempted
),

stored AS (
    SELECT
        station,
        `day`,
        MAX(coverage) AS coverage,
        SUM(bins) AS bins
    FROM station_day
    GROUP BY station, `day`
)

SELECT
    d.member AS station,
    d.partition_key AS `day`,
    COALESCE(made.state, present.state, 'unknown') AS state,
    COALESCE(made.rows_stored, present.rows_stored, 0) AS rows_stored,
    COALESCE(made.rows_rejected, present.rows_rejected, 0) AS rows_rejected,
    COALESCE(stored.coverage, 0) AS coverage,
    COALESCE(stored.bins, 0) AS bins,
    COALESCE(published.state, '') AS publish_state,
    COALESCE(published.rows_stored, 0) AS published,
    COALESCE(published.message, made.message, '') AS message
FROM station_days AS d
LEFT JOIN attempted AS made
    ON made.dataset = %(observations)s AND d.member = made.member AND d.partition_key = made.partition_key
LEFT JOIN ledger AS present
    ON present.dataset = %(observations)s AND d.member = present.member AND d.partition_key = present.partition_key
LEFT JOIN attempted AS published
    ON
        published.dataset = %(geostreams)s
        AND d.member = published.member
        AND d.partition_key = published.partition_key
LEFT JOIN stored
    ON d.member = stored.station AND d.partition_key = CAST(stored.`day` AS CHAR)
ORDER BY d.member, d.partition_key
