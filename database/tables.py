"""The tables of releases and experiments as SQLAlchemy sees them. The migrations in ``database/versions`` make them."""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

METADATA = sa.MetaData()

POINTERS = sa.Table(
    "release_pointers",
    METADATA,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("release_id", sa.Text),
    sa.Column("revision", sa.BigInteger, nullable=False),
    sa.Column("moved_at", sa.DateTime(timezone=True), nullable=False),
)

AUDIT = sa.Table(
    "release_audit",
    METADATA,
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

EXPERIMENTS = sa.Table(
    "experiments",
    METADATA,
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

EXPERIMENT_HISTORY = sa.Table(
    "experiment_history",
    METADATA,
    sa.Column("id", sa.BigInteger, sa.Identity(), primary_key=True),
    sa.Column("experiment", sa.Text, nullable=False),
    sa.Column("at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("who", sa.Text, nullable=False),
    sa.Column("change", sa.Text, nullable=False),
    sa.Column("detail", JSONB, nullable=False),
)

EXPERIMENT_LOOKS = sa.Table(
    "experiment_looks",
    METADATA,
    sa.Column("experiment", sa.Text, primary_key=True),
    sa.Column("day", sa.Date, primary_key=True),
    sa.Column("analysed_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("metrics", JSONB, nullable=False),
)
