-- Removes the raw telegrams with their content: for empty databases and tests. The source still has them.
DROP TABLE IF EXISTS licor_data;
DROP TABLE IF EXISTS vaisala_data;
DROP TABLE IF EXISTS hpp_data;
DROP TABLE IF EXISTS lp8_data;
