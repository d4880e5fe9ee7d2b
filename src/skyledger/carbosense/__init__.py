"""CarboSense / ICOS-Cities: the CO2 sensor network."""
