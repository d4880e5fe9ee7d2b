-- Forgets reports, decisions and products; their files stay.
DROP TABLE IF EXISTS product;
DROP TABLE IF EXISTS release_decision;
DROP TABLE IF EXISTS report;
