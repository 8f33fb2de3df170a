"""Where the database is, as the two roles reach it."""

import os

from sqlalchemy import create_engine
from sqlalchemy.engine import URL, Engine


def url(role: str) -> URL:
    """The URL of `ADMIN` (owns the tables) or `API_WORKER` (reads and writes rows)."""
    return URL.create(
        "postgresql+psycopg2",
        username=os.environ[f"DB_{role}_USER"],
        password=os.environ[f"DB_{role}_PASSWORD"],
        host=os.environ.get("DB_HOST", "db"),
        port=int(os.environ.get("DB_PORT", "5432")),
        database=os.environ["DB_DATABASE"],
    )


def engine() -> Engine:
    """A small pool for the application's own role."""
    return create_engine(url("API_WORKER"), pool_size=4, max_overflow=4, pool_pre_ping=True)
