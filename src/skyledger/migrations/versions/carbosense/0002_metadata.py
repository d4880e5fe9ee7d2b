"""Sites, boxes, sensors, deployments, calibrations, cylinders, exclusion periods."""

from skyledger.migrations import run_file

revision = "carbosense_0002_metadata"
down_revision = "carbosense_0001_ledger"


def upgrade() -> None:
    run_file("carbosense/migrations/0002_metadata.up.sql")


def downgrade() -> None:
    run_file("carbosense/migrations/0002_metadata.down.sql")
