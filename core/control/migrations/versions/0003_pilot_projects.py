"""Pilot projects."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

DOCUMENT = sa.JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")
STEPS = "'registered', 'estimated', 'reviewed', 'running', 'evaluated', 'decided'"


def upgrade() -> None:
    op.create_table(
        "pilot",
        sa.Column("chain", sa.String(), nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("step", sa.String(), nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("plan", DOCUMENT, nullable=False),
        sa.Column("estimate", DOCUMENT, nullable=True),
        sa.Column("choice", DOCUMENT, nullable=True),
        sa.Column("evaluation", DOCUMENT, nullable=True),
        sa.Column("decision", DOCUMENT, nullable=True),
        sa.Column("notes", DOCUMENT, nullable=False),
        sa.Column("rounds", DOCUMENT, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created", sa.DateTime(), nullable=False),
        sa.Column("created_by", sa.String(), nullable=False),
        sa.Column("changed", sa.DateTime(), nullable=False),
        sa.CheckConstraint(f"step in ({STEPS})", name="step_is_known"),
        sa.ForeignKeyConstraint(["chain"], ["chain.id"]),
        sa.PrimaryKeyConstraint("chain", "id"),
    )


def downgrade() -> None:
    op.drop_table("pilot")
