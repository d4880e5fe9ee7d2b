"""Files that came from the loggers, and the days they hold."""

from skyledger.migrations import run_file

revision = "weather_0002_logger_files"
down_revision = "weather_0001_ledger"


def upgrade() -> None:
    run_file("weather/migrations/0002_logger_files.up.sql")


def downgrade() -> None:
    run_file("weather/migrations/0002_logger_files.down.sql")
