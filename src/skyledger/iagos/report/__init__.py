"""What the PI reads about a flight."""
