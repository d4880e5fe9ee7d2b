"""The instrument database: components, calibrations, deployments, flights, people, and how tables come in."""
