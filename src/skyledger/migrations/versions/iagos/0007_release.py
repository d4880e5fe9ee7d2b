"""Reports, decisions of the PI, and products."""

from skyledger.migrations import run_file

revision = "iagos_0007_release"
down_revision = "iagos_0006_quality"


def upgrade() -> None:
    run_file("iagos/migrations/0007_release.up.sql")


def downgrade() -> None:
    run_file("iagos/migrations/0007_release.down.sql")
