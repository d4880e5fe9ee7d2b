"""Raw telegrams of LP8, HPP, Vaisala and Licor boxes."""

from skyledger.migrations import run_file

revision = "carbosense_0003_telegrams"
down_revision = "carbosense_0002_metadata"


def upgrade() -> None:
    run_file("carbosense/migrations/0003_telegrams.up.sql")


def downgrade() -> None:
    run_file("carbosense/migrations/0003_telegrams.down.sql")
