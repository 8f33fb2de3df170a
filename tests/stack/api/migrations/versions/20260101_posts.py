"""Users and posts."""

from alembic import op

revision = "20260101"
down_revision = None


def upgrade() -> None:
    op.execute("CREATE TABLE users (id serial PRIMARY KEY, handle text NOT NULL UNIQUE)")
    op.execute(
        """CREATE TABLE posts (
               id serial PRIMARY KEY,
               owner_id integer REFERENCES users,
               title text NOT NULL,
               views integer NOT NULL DEFAULT 0)"""
    )


def downgrade() -> None:
    op.execute("DROP TABLE posts, users")
