"""Run by alembic for every command: hands it the connection that `skyledger.migrations` has opened."""

from alembic import context

attributes = context.config.attributes
context.configure(
    connection=attributes["connection"],
    transaction_per_migration=True,
    on_version_apply=lambda step, **_: attributes["done"].append(step.up_revision_id),
)
with context.begin_transaction():
    context.run_migrations()
