-- Parameters of all calibrations.
SELECT
    calibration_id,
    name,
    value,
    uncertainty
FROM calibration_parameter;
