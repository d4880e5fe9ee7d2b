"""The instrument database: components, calibrations, deployments, aircraft, flights, people."""

from skyledger.migrations import run_file

revision = "iagos_0003_metadata"
down_revision = "iagos_0002_states"


def upgrade() -> None:
    run_file("iagos/migrations/0003_metadata.up.sql")
    run_file("iagos/migrations/0003_deployments.up.sql")


def downgrade() -> None:
    run_file("iagos/migrations/0003_deployments.down.sql")
    run_file("iagos/migrations/0003_metadata.down.sql")
