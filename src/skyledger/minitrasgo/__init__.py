"""miniTRASGO: cosmic-ray stations, from raw detector files to events and rates."""
