-- Removes the metadata with its content: for empty databases and tests. Children go before their parents.
DROP TABLE IF EXISTS cylinder_test_summaries;
DROP TABLE IF EXISTS RefGasCylinderExclusionPeriods;
DROP TABLE IF EXISTS cylinder_deployment;
DROP TABLE IF EXISTS ref_gas_cylinder_analysis;
DROP TABLE IF EXISTS ref_gas_cylinder;
DROP TABLE IF EXISTS RefGasCylinder_Deployment;
DROP TABLE IF EXISTS RefGasCylinder;
DROP TABLE IF EXISTS MCHMeasExclusionPeriods;
DROP TABLE IF EXISTS RefMeasExclusionPeriods;
DROP TABLE IF EXISTS SensorExclusionPeriods;
DROP TABLE IF EXISTS Calibration;
DROP TABLE IF EXISTS Deployment;
DROP TABLE IF EXISTS Sensors;
DROP TABLE IF EXISTS SensorUnits;
DROP TABLE IF EXISTS Location;
