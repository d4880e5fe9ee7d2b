"""Observations in bins, how each value was made, and the report of each day."""

from skyledger.migrations import run_file

revision = "weather_0003_observations"
down_revision = "weather_0002_logger_files"


def upgrade() -> None:
    run_file("weather/migrations/0003_observations.up.sql")


def downgrade() -> None:
    run_file("weather/migrations/0003_observations.down.sql")
