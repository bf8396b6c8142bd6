"""Alembic's door: it runs on the connection that `orchestrator.store.migrating` hands in, or writes SQL to read."""

from alembic import context
from sqlmodel import SQLModel

from orchestrator.store.tables import every

__all__ = ["every"]

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=SQLModel.metadata, compare_type=True)
with context.begin_transaction():
    context.run_migrations()
