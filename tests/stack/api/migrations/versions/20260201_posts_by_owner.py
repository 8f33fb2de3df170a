"""Posts are listed by owner."""

from alembic import op

revision = "20260201"
down_revision = "20260101"


def upgrade() -> None:
    op.execute("CREATE INDEX posts_by_owner ON posts (owner_id, id DESC)")


def downgrade() -> None:
    op.execute("DROP INDEX posts_by_owner")
