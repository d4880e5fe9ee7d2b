"""Index and statistics of the series that are kept as Parquet."""

from skyledger.migrations import run_file

revision = "iagos_0005_series"
down_revision = "iagos_0004_transfer"


def upgrade() -> None:
    run_file("iagos/migrations/0005_series.up.sql")


def downgrade() -> None:
    run_file("iagos/migrations/0005_series.down.sql")
