"""Configurations, runs and results of quality control, and flags set by people."""

from skyledger.migrations import run_file

revision = "iagos_0006_quality"
down_revision = "iagos_0005_series"


def upgrade() -> None:
    run_file("iagos/migrations/0006_quality.up.sql")


def downgrade() -> None:
    run_file("iagos/migrations/0006_quality.down.sql")
