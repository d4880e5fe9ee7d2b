"""States of flight files with their history, and runs of jobs."""

from skyledger.migrations import run_file

revision = "iagos_0002_states"
down_revision = "iagos_0001_ledger"


def upgrade() -> None:
    run_file("iagos/migrations/0002_states.up.sql")


def downgrade() -> None:
    run_file("iagos/migrations/0002_states.down.sql")
