"""Weather stations: logger files, full days, CF observations, GeoStreams."""
