"""The instrument database: components, calibrations, deployments, flights, people."""
