"""Ledger, run records and rejected records."""

from skyledger.migrations import run_file

revision = "iagos_0001_ledger"
down_revision = None
branch_labels = ("iagos",)


def upgrade() -> None:
    run_file("ledger/migrations/0001_ledger.up.sql")


def downgrade() -> None:
    run_file("ledger/migrations/0001_ledger.down.sql")
