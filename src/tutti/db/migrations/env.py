"""Runs the migrations on the connection that `schema.py` hands in."""

from alembic import context

from tutti.models import Base

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=Base.metadata, render_as_batch=True, compare_type=True)
context.run_migrations()
