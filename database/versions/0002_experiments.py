"""Experiments, their history and the results of every look."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Makes ``experiments``, ``experiment_history`` and ``experiment_looks``."""
    op.create_table(
        "experiments",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("declaration", JSONB, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("slot", sa.Float, nullable=False),
        sa.Column("traffic", sa.Float),
        sa.Column("revision", sa.BigInteger, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True)),
        sa.Column("ended_at", sa.DateTime(timezone=True)),
        sa.Column("decision", JSONB),
    )
    op.create_table(
        "experiment_history",
        sa.Column("id", sa.BigInteger, sa.Identity(), primary_key=True),
        sa.Column("experiment", sa.Text, nullable=False, index=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("who", sa.Text, nullable=False),
        sa.Column("change", sa.Text, nullable=False),
        sa.Column("detail", JSONB, nullable=False),
    )
    op.create_table(
        "experiment_looks",
        sa.Column("experiment", sa.Text, primary_key=True),
        sa.Column("day", sa.Date, primary_key=True),
        sa.Column("analysed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("metrics", JSONB, nullable=False),
    )


def downgrade() -> None:
    """Removes the three."""
    op.drop_table("experiment_looks")
    op.drop_table("experiment_history")
    op.drop_table("experiments")
