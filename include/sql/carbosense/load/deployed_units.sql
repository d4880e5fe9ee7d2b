-- When which unit carried a sensor of one type at a site.
-- Parameters: sensor_type, first_unit (smaller ids are test units), starts_before and ends_after (UTC).
-- One row is the overlap of one deployment of a unit with one sensor that sat in it.
SELECT
    Deployment.SensorUnit_ID,
    GREATEST(Deployment.Date_UTC_from, Sensors.Date_UTC_from) AS deployed_from,
    LEAST(Deployment.Date_UTC_to, Sensors.Date_UTC_to) AS deployed_to
FROM Deployment
INNER JOIN Sensors
    ON
        Deployment.SensorUnit_ID = Sensors.SensorUnit_ID
        AND Deployment.Date_UTC_from < Sensors.Date_UTC_to
        AND Deployment.Date_UTC_to > Sensors.Date_UTC_from
WHERE
    Sensors.Type = %(sensor_type)s
    AND Deployment.SensorUnit_ID >= %(first_unit)s
    AND Deployment.Date_UTC_from < %(starts_before)s
    AND Deployment.Date_UTC_to > %(ends_after)s
    AND Sensors.Date_UTC_from < %(starts_before)s
    AND Sensors.Date_UTC_to > %(ends_after)s
ORDER BY Deployment.SensorUnit_ID, deployed_from
