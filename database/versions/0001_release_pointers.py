"""Release pointers and their audit."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Makes ``release_pointers`` and ``release_audit``."""
    op.create_table(
        "release_pointers",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("release_id", sa.Text),
        sa.Column("revision", sa.BigInteger, nullable=False),
        sa.Column("moved_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_table(
        "release_audit",
        sa.Column("id", sa.BigInteger, sa.Identity(), primary_key=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("who", sa.Text, nullable=False),
        sa.Column("why", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("pointer", sa.Text, nullable=False),
        sa.Column("from_release", sa.Text),
        sa.Column("to_release", sa.Text),
        sa.Column("revision", sa.BigInteger, nullable=False),
        sa.Column("operation", sa.Text),
        sa.UniqueConstraint("operation", "pointer", name="release_audit_operation"),
    )


def downgrade() -> None:
    """Removes both."""
    op.drop_table("release_audit")
    op.drop_table("release_pointers")
