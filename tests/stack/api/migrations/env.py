"""Runs the migrations as the role that owns the tables, one run at a time."""

from alembic import context
from sqlalchemy import create_engine, text

from database import url

with create_engine(url("ADMIN")).connect() as connection:
    context.configure(connection=connection, target_metadata=None)
    with context.begin_transaction():
        connection.execute(text("SELECT pg_advisory_xact_lock(46)"))
        context.run_migrations()
    connection.commit()
