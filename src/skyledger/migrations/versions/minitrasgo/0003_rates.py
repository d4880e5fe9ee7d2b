"""Calibrations, figures and counts of each file; rates per minute and figures of each day."""

from skyledger.migrations import run_file

revision = "minitrasgo_0003_rates"
down_revision = "minitrasgo_0002_raw_files"


def upgrade() -> None:
    run_file("minitrasgo/migrations/0003_reduced_files.up.sql")
    run_file("minitrasgo/migrations/0003_rates.up.sql")


def downgrade() -> None:
    run_file("minitrasgo/migrations/0003_rates.down.sql")
    run_file("minitrasgo/migrations/0003_reduced_files.down.sql")
