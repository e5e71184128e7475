"""Where agents run, wishes for a release, what wheels need, who makes a release, what is signed, figures by the hour of a day.

Columns are added and dropped in place, never by making a table anew: on SQLite, dropping the old one would take along the rows that
hang on it.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

DOCUMENT = sa.JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")


def upgrade() -> None:
    op.create_table(
        "agent_machine",
        sa.Column("chain", sa.String(), nullable=False),
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("body", DOCUMENT, nullable=False),
        sa.CheckConstraint("length(sha256) = 64", name="sha256_is_hex"),
        sa.ForeignKeyConstraint(["chain"], ["chain.id"]),
        sa.PrimaryKeyConstraint("chain", "sha256"),
    )
    op.create_table(
        "figure_hour_sum",
        sa.Column("chain", sa.String(), nullable=False),
        sa.Column("day", sa.String(), nullable=False),
        sa.Column("begins", sa.DateTime(), nullable=False),
        sa.Column("solution", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("unit", sa.String(), nullable=False),
        sa.Column("how", sa.String(), nullable=False),
        sa.Column("stores", sa.Integer(), nullable=False),
        sa.Column("value", sa.Float(), nullable=False),
        sa.Column("weight", sa.Float(), nullable=False),
        sa.Column("low", sa.Float(), nullable=False),
        sa.Column("high", sa.Float(), nullable=False),
        sa.Column("summed", sa.DateTime(), nullable=False),
        sa.ForeignKeyConstraint(["chain"], ["chain.id"]),
        sa.PrimaryKeyConstraint("chain", "day", "begins", "solution", "name", "unit", "how"),
        sqlite_with_rowid=False,
    )
    op.add_column("agent", sa.Column("wish", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("agent", sa.Column("machine", sa.String(), nullable=True))
    op.add_column("release", sa.Column("signed", sa.Boolean(), nullable=False, server_default=sa.true()))
    op.add_column("release_job", sa.Column("owner", sa.String(), nullable=True))
    op.add_column("release_job", sa.Column("tries", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("release_job", sa.Column("signed", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("vendor_package", sa.Column("requires", DOCUMENT, nullable=False, server_default="[]"))
    op.add_column("vendor_package", sa.Column("python", sa.String(), nullable=False, server_default=""))


def downgrade() -> None:
    for table, column in (
        ("vendor_package", "python"),
        ("vendor_package", "requires"),
        ("release_job", "signed"),
        ("release_job", "tries"),
        ("release_job", "owner"),
        ("release", "signed"),
        ("agent", "machine"),
        ("agent", "wish"),
    ):
        op.drop_column(table, column)
    op.drop_table("figure_hour_sum")
    op.drop_table("agent_machine")
