"""Files of the data centre and of drop folders, and acknowledgements that are still to be sent."""

from skyledger.migrations import run_file

revision = "iagos_0004_transfer"
down_revision = "iagos_0003_metadata"


def upgrade() -> None:
    run_file("iagos/migrations/0004_transfer.up.sql")


def downgrade() -> None:
    run_file("iagos/migrations/0004_transfer.down.sql")
