-- A parameter of a new calibration. Parameters: calibration_id, parameter, number, uncertainty
INSERT INTO calibration_parameter (calibration_id, name, value, uncertainty)
VALUES (
    %(calibration_id)s,
    %(parameter)s,
    %(number)s,
    %(uncertainty)s
);
