-- Forgets what every flight file is, and when jobs ran.
DROP TABLE IF EXISTS job_state;
DROP TABLE IF EXISTS flight_state_history;
DROP TABLE IF EXISTS flight_state;
DROP TABLE IF EXISTS flight_state_step;
