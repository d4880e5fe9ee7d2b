"""Quality control of a flight: its frame, its configuration, its results."""
