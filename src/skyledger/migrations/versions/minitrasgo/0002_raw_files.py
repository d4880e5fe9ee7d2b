"""Files that came from the stations, silent stations, rows of the run dictionary."""

from skyledger.migrations import run_file

revision = "minitrasgo_0002_raw_files"
down_revision = "minitrasgo_0001_ledger"


def upgrade() -> None:
    run_file("minitrasgo/migrations/0002_raw_files.up.sql")


def downgrade() -> None:
    run_file("minitrasgo/migrations/0002_raw_files.down.sql")
