"""The first form."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "chain",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("created", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "failed_login",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("name_sha256", sa.String(), nullable=False),
        sa.Column("from_sha256", sa.String(), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("failed_login", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_failed_login_at"), ["at"], unique=False)
        batch_op.create_index(batch_op.f("ix_failed_login_from_sha256"), ["from_sha256"], unique=False)
        batch_op.create_index(batch_op.f("ix_failed_login_name_sha256"), ["name_sha256"], unique=False)

    op.create_table(
        "idempotent_answer",
        sa.Column("token", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("request_sha256", sa.String(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("body", sa.JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql"), nullable=True),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("token", "key"),
    )
    with op.batch_alter_table("idempotent_answer", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_idempotent_answer_at"), ["at"], unique=False)

    op.create_table(
        "audit_entry",
        sa.Column("chain", sa.String(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("action", sa.String(), nullable=False),
        sa.Column("object", sa.String(), nullable=False),
        sa.Column("detail", sa.JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql"), nullable=False),
        sa.Column("previous", sa.String(), nullable=False),
        sa.Column("hash", sa.String(), nullable=False),
        sa.CheckConstraint("length(hash) = 64", name="hash_is_hex"),
        sa.CheckConstraint("seq >= 1", name="seq_counts"),
        sa.ForeignKeyConstraint(
            ["chain"],
            ["chain.id"],
        ),
        sa.PrimaryKeyConstraint("chain", "seq"),
    )
    op.create_table(
        "bundle_part",
        sa.Column("chain", sa.String(), nullable=False),
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint("length(sha256) = 64", name="sha256_is_hex"),
        sa.ForeignKeyConstraint(
            ["chain"],
            ["chain.id"],
        ),
        sa.PrimaryKeyConstraint("chain", "sha256"),
    )
    op.create_table(
        "design",
        sa.Column("chain", sa.String(), nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("level", sa.String(), nullable=False),
        sa.Column("target", sa.String(), nullable=True),
        sa.Column("template", sa.String(), nullable=True),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("body", sa.JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql"), nullable=False),
        sa.Column("changed", sa.DateTime(), nullable=False),
        sa.Column("changed_by", sa.String(), nullable=False),
        sa.Column("retired", sa.DateTime(), nullable=True),
        sa.CheckConstraint("level in ('template', 'format', 'region')", name="level_is_known"),
        sa.ForeignKeyConstraint(
            ["chain"],
            ["chain.id"],
        ),
        sa.PrimaryKeyConstraint("chain", "id"),
    )
    op.create_table(
        "figure_sum",
        sa.Column("chain", sa.String(), nullable=False),
        sa.Column("day", sa.String(), nullable=False),
        sa.Column("region", sa.String(), nullable=False),
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
        sa.ForeignKeyConstraint(
            ["chain"],
            ["chain.id"],
        ),
        sa.PrimaryKeyConstraint("chain", "day", "region", "solution", "name", "unit", "how"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "price",
        sa.Column("chain", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("cost_low", sa.BigInteger(), nullable=True),
        sa.Column("cost_high", sa.BigInteger(), nullable=True),
        sa.Column("power_low_w", sa.Float(), nullable=True),
        sa.Column("power_high_w", sa.Float(), nullable=True),
        sa.Column("hours_per_day", sa.Float(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("changed", sa.DateTime(), nullable=False),
        sa.Column("changed_by", sa.String(), nullable=False),
        sa.CheckConstraint("cost_low is null or (cost_low >= 0 and cost_low <= cost_high)", name="cost_is_a_range"),
        sa.CheckConstraint("hours_per_day >= 0 and hours_per_day <= 24", name="hours_of_a_day"),
        sa.CheckConstraint("power_low_w is null or (power_low_w >= 0 and power_low_w <= power_high_w)", name="power_is_a_range"),
        sa.ForeignKeyConstraint(
            ["chain"],
            ["chain.id"],
        ),
        sa.PrimaryKeyConstraint("chain", "kind", "currency"),
    )
    op.create_table(
        "region",
        sa.Column("chain", sa.String(), nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("parent", sa.String(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["chain", "parent"],
            ["region.chain", "region.id"],
        ),
        sa.ForeignKeyConstraint(
            ["chain"],
            ["chain.id"],
        ),
        sa.PrimaryKeyConstraint("chain", "id"),
    )
    op.create_table(
        "release",
        sa.Column("chain", sa.String(), nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("notes", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("sources", sa.JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql"), nullable=False),
        sa.Column("created", sa.DateTime(), nullable=False),
        sa.Column("created_by", sa.String(), nullable=False),
        sa.CheckConstraint("state in ('published', 'withdrawn')", name="state_is_known"),
        sa.ForeignKeyConstraint(
            ["chain"],
            ["chain.id"],
        ),
        sa.PrimaryKeyConstraint("chain", "id"),
        sa.UniqueConstraint("chain", "number"),
    )
    op.create_table(
        "retention",
        sa.Column("chain", sa.String(), nullable=False),
        sa.Column("events", sa.Integer(), nullable=False),
        sa.Column("hours", sa.Integer(), nullable=False),
        sa.Column("days", sa.Integer(), nullable=False),
        sa.Column("reports", sa.Integer(), nullable=False),
        sa.Column("alerts", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("changed", sa.DateTime(), nullable=True),
        sa.CheckConstraint("alerts >= 1", name="alerts_counts"),
        sa.CheckConstraint("days >= 1", name="days_counts"),
        sa.CheckConstraint("events >= 1", name="events_counts"),
        sa.CheckConstraint("hours >= 1", name="hours_counts"),
        sa.CheckConstraint("reports >= 1", name="reports_counts"),
        sa.ForeignKeyConstraint(
            ["chain"],
            ["chain.id"],
        ),
        sa.PrimaryKeyConstraint("chain"),
    )
    op.create_table(
        "stored_file",
        sa.Column("chain", sa.String(), nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("media_type", sa.String(), nullable=False),
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("length", sa.Integer(), nullable=False),
        sa.Column("uploaded", sa.DateTime(), nullable=False),
        sa.Column("uploaded_by", sa.String(), nullable=False),
        sa.CheckConstraint("length >= 0", name="length_counts"),
        sa.CheckConstraint("length(sha256) = 64", name="sha256_is_hex"),
        sa.ForeignKeyConstraint(
            ["chain"],
            ["chain.id"],
        ),
        sa.PrimaryKeyConstraint("chain", "id"),
    )
    op.create_table(
        "user",
        sa.Column("chain", sa.String(), nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("email", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("vendor", sa.String(), nullable=True),
        sa.Column("password", sa.String(), nullable=False),
        sa.Column("created", sa.DateTime(), nullable=False),
        sa.Column("disabled", sa.DateTime(), nullable=True),
        sa.CheckConstraint("(role = 'vendor') = (vendor is not null)", name="vendors_name_their_company"),
        sa.CheckConstraint("role in ('admin', 'integrator', 'operator', 'viewer', 'vendor', 'agent')", name="role_is_known"),
        sa.ForeignKeyConstraint(
            ["chain"],
            ["chain.id"],
        ),
        sa.PrimaryKeyConstraint("chain", "id"),
        sa.UniqueConstraint("chain", "email"),
    )
    op.create_table(
        "vendor_package",
        sa.Column("chain", sa.String(), nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("vendor", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("version", sa.String(), nullable=False),
        sa.Column("filename", sa.String(), nullable=False),
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("length", sa.Integer(), nullable=False),
        sa.Column("solutions", sa.JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql"), nullable=False),
        sa.Column("uploaded", sa.DateTime(), nullable=False),
        sa.Column("uploaded_by", sa.String(), nullable=False),
        sa.Column("withdrawn", sa.DateTime(), nullable=True),
        sa.CheckConstraint("length(sha256) = 64", name="sha256_is_hex"),
        sa.ForeignKeyConstraint(
            ["chain"],
            ["chain.id"],
        ),
        sa.PrimaryKeyConstraint("chain", "id"),
        sa.UniqueConstraint("chain", "vendor", "filename"),
    )
    op.create_table(
        "design_revision",
        sa.Column("chain", sa.String(), nullable=False),
        sa.Column("design", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("body", sa.JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql"), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("author", sa.String(), nullable=False),
        sa.Column("note", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["chain", "design"],
            ["design.chain", "design.id"],
        ),
        sa.PrimaryKeyConstraint("chain", "design", "version"),
    )
    op.create_table(
        "release_job",
        sa.Column("chain", sa.String(), nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("wanted", sa.JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql"), nullable=False),
        sa.Column("done", sa.Integer(), nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=True),
        sa.Column("release", sa.String(), nullable=True),
        sa.Column("findings", sa.JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql"), nullable=False),
        sa.Column("created", sa.DateTime(), nullable=False),
        sa.Column("created_by", sa.String(), nullable=False),
        sa.Column("beat", sa.DateTime(), nullable=False),
        sa.CheckConstraint("state in ('waiting', 'composing', 'publishing', 'done', 'failed')", name="state_is_known"),
        sa.ForeignKeyConstraint(
            ["chain", "release"],
            ["release.chain", "release.id"],
        ),
        sa.ForeignKeyConstraint(
            ["chain"],
            ["chain.id"],
        ),
        sa.PrimaryKeyConstraint("chain", "id"),
    )
    op.create_table(
        "rollout",
        sa.Column("chain", sa.String(), nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("release", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("strategy", sa.JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql"), nullable=False),
        sa.Column("plan_digest", sa.String(), nullable=False),
        sa.Column("reason", sa.JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql"), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("turn", sa.Integer(), nullable=False),
        sa.Column("open_steps", sa.Boolean(), nullable=False),
        sa.Column("created", sa.DateTime(), nullable=False),
        sa.Column("created_by", sa.String(), nullable=False),
        sa.Column("changed", sa.DateTime(), nullable=False),
        sa.CheckConstraint(
            "state in ('planned', 'running', 'paused', 'rolling_back', 'done', 'aborted', 'rolled_back')", name="state_is_known"
        ),
        sa.ForeignKeyConstraint(
            ["chain", "release"],
            ["release.chain", "release.id"],
        ),
        sa.ForeignKeyConstraint(
            ["chain"],
            ["chain.id"],
        ),
        sa.PrimaryKeyConstraint("chain", "id"),
    )
    op.create_table(
        "store",
        sa.Column("chain", sa.String(), nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("region", sa.String(), nullable=True),
        sa.Column("ring", sa.Integer(), nullable=False),
        sa.Column("tags", sa.JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql"), nullable=False),
        sa.Column("profile", sa.JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql"), nullable=False),
        sa.Column("window", sa.JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql"), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created", sa.DateTime(), nullable=False),
        sa.Column("changed", sa.DateTime(), nullable=False),
        sa.Column("closed", sa.DateTime(), nullable=True),
        sa.CheckConstraint("version >= 1", name="version_counts"),
        sa.ForeignKeyConstraint(
            ["chain", "region"],
            ["region.chain", "region.id"],
        ),
        sa.ForeignKeyConstraint(
            ["chain"],
            ["chain.id"],
        ),
        sa.PrimaryKeyConstraint("chain", "id"),
    )
    op.create_table(
        "agent",
        sa.Column("chain", sa.String(), nullable=False),
        sa.Column("store", sa.String(), nullable=False),
        sa.Column("public_key", sa.LargeBinary(), nullable=False),
        sa.Column("enrolled", sa.DateTime(), nullable=False),
        sa.Column("seen", sa.DateTime(), nullable=True),
        sa.Column("desired", sa.String(), nullable=True),
        sa.Column("desired_number", sa.Integer(), nullable=False),
        sa.Column("health_s", sa.Integer(), nullable=False),
        sa.Column("any_time", sa.Boolean(), nullable=False),
        sa.Column("actual", sa.String(), nullable=True),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("reported", sa.JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql"), nullable=True),
        sa.Column("reported_seq", sa.Integer(), nullable=False),
        sa.Column("told_seq", sa.Integer(), nullable=False),
        sa.Column("told_number", sa.Integer(), nullable=False),
        sa.Column("enrolment", sa.Integer(), nullable=False),
        sa.Column("version", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["chain", "actual"],
            ["release.chain", "release.id"],
        ),
        sa.ForeignKeyConstraint(
            ["chain", "desired"],
            ["release.chain", "release.id"],
        ),
        sa.ForeignKeyConstraint(["chain", "store"], ["store.chain", "store.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("chain", "store"),
    )
    with op.batch_alter_table("agent", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_agent_seen"), ["seen"], unique=False)

    op.create_table(
        "alert",
        sa.Column("chain", sa.String(), nullable=False),
        sa.Column("store", sa.String(), nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("ref", sa.String(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("severity", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("generation", sa.BigInteger(), nullable=False),
        sa.Column("episode", sa.Integer(), nullable=False),
        sa.Column("opened", sa.DateTime(), nullable=False),
        sa.Column("changed", sa.DateTime(), nullable=False),
        sa.Column("closed", sa.DateTime(), nullable=True),
        sa.Column("acknowledged", sa.DateTime(), nullable=True),
        sa.Column("acknowledged_by", sa.String(), nullable=True),
        sa.Column("data", sa.JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql"), nullable=False),
        sa.CheckConstraint("state in ('open', 'cleared')", name="state_is_known"),
        sa.ForeignKeyConstraint(["chain", "store"], ["store.chain", "store.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("chain", "store", "id"),
        sa.UniqueConstraint("chain", "ref"),
    )
    with op.batch_alter_table("alert", schema=None) as batch_op:
        batch_op.create_index("alert_by_age", ["chain", "state", "closed"], unique=False)
        batch_op.create_index("alert_by_kind", ["chain", "state", "kind", "severity"], unique=False)
        batch_op.create_index("alert_by_time", ["chain", "opened", "ref"], unique=False)

    op.create_table(
        "device",
        sa.Column("chain", sa.String(), nullable=False),
        sa.Column("store", sa.String(), nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("since", sa.DateTime(), nullable=False),
        sa.Column("reported", sa.DateTime(), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("figures", sa.JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql"), nullable=False),
        sa.ForeignKeyConstraint(["chain", "store"], ["store.chain", "store.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("chain", "store", "id"),
    )
    with op.batch_alter_table("device", schema=None) as batch_op:
        batch_op.create_index("device_by_state", ["chain", "state", "kind"], unique=False)

    op.create_table(
        "enrolment_code",
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("chain", sa.String(), nullable=False),
        sa.Column("store", sa.String(), nullable=False),
        sa.Column("created", sa.DateTime(), nullable=False),
        sa.Column("expires", sa.DateTime(), nullable=False),
        sa.Column("used", sa.DateTime(), nullable=True),
        sa.ForeignKeyConstraint(["chain", "store"], ["store.chain", "store.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("sha256"),
    )
    op.create_table(
        "figure",
        sa.Column("chain", sa.String(), nullable=False),
        sa.Column("store", sa.String(), nullable=False),
        sa.Column("instance", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("span", sa.String(), nullable=False),
        sa.Column("begins", sa.DateTime(), nullable=False),
        sa.Column("day", sa.String(), nullable=False),
        sa.Column("solution", sa.String(), nullable=False),
        sa.Column("unit", sa.String(), nullable=False),
        sa.Column("how", sa.String(), nullable=False),
        sa.Column("release", sa.String(), nullable=True),
        sa.Column("value", sa.Float(), nullable=False),
        sa.Column("weight", sa.Float(), nullable=False),
        sa.Column("seen", sa.DateTime(), nullable=True),
        sa.Column("told", sa.Float(), nullable=True),
        sa.Column("told_weight", sa.Float(), nullable=True),
        sa.CheckConstraint("span in ('hour', 'day')", name="span_is_known"),
        sa.ForeignKeyConstraint(["chain", "store"], ["store.chain", "store.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("chain", "store", "instance", "name", "span", "begins"),
        sqlite_with_rowid=False,
    )
    with op.batch_alter_table("figure", schema=None) as batch_op:
        batch_op.create_index("figure_by_name", ["chain", "solution", "name", "span", "begins", "store", "instance"], unique=False)
        batch_op.create_index("figure_by_time", ["chain", "span", "begins"], unique=False)

    op.create_table(
        "figure_news",
        sa.Column("chain", sa.String(), nullable=False),
        sa.Column("day", sa.String(), nullable=False),
        sa.Column("store", sa.String(), nullable=False),
        sa.Column("turn", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["chain", "store"], ["store.chain", "store.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("chain", "day", "store"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "rollout_event",
        sa.Column("chain", sa.String(), nullable=False),
        sa.Column("rollout", sa.String(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("wave", sa.Integer(), nullable=True),
        sa.Column("data", sa.JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql"), nullable=False),
        sa.ForeignKeyConstraint(
            ["chain", "rollout"],
            ["rollout.chain", "rollout.id"],
        ),
        sa.PrimaryKeyConstraint("chain", "rollout", "seq"),
    )
    op.create_table(
        "rollout_step",
        sa.Column("chain", sa.String(), nullable=False),
        sa.Column("rollout", sa.String(), nullable=False),
        sa.Column("store", sa.String(), nullable=False),
        sa.Column("wave", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("before", sa.String(), nullable=True),
        sa.Column("reason", sa.JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql"), nullable=True),
        sa.Column("changed", sa.DateTime(), nullable=False),
        sa.CheckConstraint(
            "state in ('waiting', 'offered', 'updating', 'watching', 'done', 'failed', 'taken_back', 'skipped')", name="state_is_known"
        ),
        sa.ForeignKeyConstraint(
            ["chain", "rollout"],
            ["rollout.chain", "rollout.id"],
        ),
        sa.ForeignKeyConstraint(
            ["chain", "store"],
            ["store.chain", "store.id"],
        ),
        sa.PrimaryKeyConstraint("chain", "rollout", "store"),
    )
    op.create_table(
        "rollout_wave",
        sa.Column("chain", sa.String(), nullable=False),
        sa.Column("rollout", sa.String(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("opened", sa.DateTime(), nullable=True),
        sa.Column("closed", sa.DateTime(), nullable=True),
        sa.Column("verdict", sa.JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql"), nullable=True),
        sa.CheckConstraint("state in ('waiting', 'open', 'watching', 'passed', 'failed')", name="state_is_known"),
        sa.ForeignKeyConstraint(
            ["chain", "rollout"],
            ["rollout.chain", "rollout.id"],
        ),
        sa.PrimaryKeyConstraint("chain", "rollout", "number"),
    )
    op.create_table(
        "sealed_secret",
        sa.Column("chain", sa.String(), nullable=False),
        sa.Column("store", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("key_id", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("changed", sa.DateTime(), nullable=False),
        sa.Column("changed_by", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["chain", "store"], ["store.chain", "store.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("chain", "store", "name"),
    )
    op.create_table(
        "store_design",
        sa.Column("chain", sa.String(), nullable=False),
        sa.Column("store", sa.String(), nullable=False),
        sa.Column("template", sa.String(), nullable=False),
        sa.Column("template_version", sa.Integer(), nullable=False),
        sa.Column("own", sa.JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql"), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("changed", sa.DateTime(), nullable=False),
        sa.Column("changed_by", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["chain", "store"], ["store.chain", "store.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["chain", "template"],
            ["design.chain", "design.id"],
        ),
        sa.PrimaryKeyConstraint("chain", "store"),
    )
    op.create_table(
        "store_release",
        sa.Column("chain", sa.String(), nullable=False),
        sa.Column("release", sa.String(), nullable=False),
        sa.Column("store", sa.String(), nullable=False),
        sa.Column("target", sa.String(), nullable=False),
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("length", sa.Integer(), nullable=False),
        sa.Column("packages", sa.JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql"), nullable=False),
        sa.Column("bundle", sa.JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql"), nullable=False),
        sa.CheckConstraint("length(sha256) = 64", name="sha256_is_hex"),
        sa.ForeignKeyConstraint(
            ["chain", "release"],
            ["release.chain", "release.id"],
        ),
        sa.ForeignKeyConstraint(
            ["chain", "store"],
            ["store.chain", "store.id"],
        ),
        sa.PrimaryKeyConstraint("chain", "release", "store"),
    )
    op.create_table(
        "token",
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("chain", sa.String(), nullable=False),
        sa.Column("user", sa.String(), nullable=True),
        sa.Column("store", sa.String(), nullable=True),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("scopes", sa.JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql"), nullable=False),
        sa.Column("created", sa.DateTime(), nullable=False),
        sa.Column("expires", sa.DateTime(), nullable=False),
        sa.Column("used", sa.DateTime(), nullable=True),
        sa.Column("revoked", sa.DateTime(), nullable=True),
        sa.CheckConstraint('(store is null) <> ("user" is null)', name="one_holder"),
        sa.CheckConstraint("length(sha256) = 64", name="sha256_is_hex"),
        sa.ForeignKeyConstraint(["chain", "store"], ["store.chain", "store.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["chain", "user"],
            ["user.chain", "user.id"],
        ),
        sa.ForeignKeyConstraint(
            ["chain"],
            ["chain.id"],
        ),
        sa.PrimaryKeyConstraint("sha256"),
        sa.UniqueConstraint("id"),
    )
    with op.batch_alter_table("token", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_token_chain"), ["chain"], unique=False)

    op.create_table(
        "upload_position",
        sa.Column("chain", sa.String(), nullable=False),
        sa.Column("store", sa.String(), nullable=False),
        sa.Column("generation", sa.BigInteger(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("event", sa.String(), nullable=False),
        sa.Column("lost", sa.BigInteger(), nullable=False),
        sa.Column("reported", sa.DateTime(), nullable=False),
        sa.CheckConstraint("generation >= 1", name="generation_counts"),
        sa.CheckConstraint("lost >= 0", name="lost_counts"),
        sa.CheckConstraint("seq >= 0", name="seq_counts"),
        sa.ForeignKeyConstraint(["chain", "store"], ["store.chain", "store.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("chain", "store"),
    )
    op.create_table(
        "agent_report",
        sa.Column("chain", sa.String(), nullable=False),
        sa.Column("store", sa.String(), nullable=False),
        sa.Column("enrolment", sa.Integer(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("received", sa.DateTime(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("release", sa.String(), nullable=True),
        sa.Column("data", sa.JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql"), nullable=False),
        sa.ForeignKeyConstraint(["chain", "store"], ["agent.chain", "agent.store"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("chain", "store", "enrolment", "seq"),
    )
    with op.batch_alter_table("agent_report", schema=None) as batch_op:
        batch_op.create_index("agent_report_by_age", ["chain", "received"], unique=False)

    op.create_table(
        "received_event",
        sa.Column("chain", sa.String(), nullable=False),
        sa.Column("store", sa.String(), nullable=False),
        sa.Column("generation", sa.BigInteger(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("stream", sa.String(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("about", sa.String(), nullable=False),
        sa.Column("time", sa.DateTime(), nullable=False),
        sa.Column("received", sa.DateTime(), nullable=False),
        sa.Column("kept", sa.DateTime(), nullable=False),
        sa.Column("hops", sa.BigInteger(), nullable=False),
        sa.Column("cause", sa.BigInteger(), nullable=False),
        sa.Column("data", sa.JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql"), nullable=False),
        sa.CheckConstraint("seq >= 1", name="seq_counts"),
        sa.ForeignKeyConstraint(["chain", "store"], ["upload_position.chain", "upload_position.store"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("chain", "store", "generation", "seq"),
        sa.UniqueConstraint("chain", "store", "id"),
    )
    with op.batch_alter_table("received_event", schema=None) as batch_op:
        batch_op.create_index("received_event_by_age", ["chain", "kept"], unique=False)

    op.create_table(
        "release_health",
        sa.Column("chain", sa.String(), nullable=False),
        sa.Column("store", sa.String(), nullable=False),
        sa.Column("release", sa.String(), nullable=False),
        sa.Column("begins", sa.DateTime(), nullable=False),
        sa.Column("last", sa.DateTime(), nullable=False),
        sa.Column("looks", sa.Integer(), nullable=False),
        sa.Column("bad", sa.Integer(), nullable=False),
        sa.Column("solutions", sa.JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql"), nullable=False),
        sa.ForeignKeyConstraint(
            ["chain", "release"],
            ["release.chain", "release.id"],
        ),
        sa.ForeignKeyConstraint(["chain", "store"], ["agent.chain", "agent.store"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("chain", "store", "release"),
    )
    op.create_table(
        "store_design_revision",
        sa.Column("chain", sa.String(), nullable=False),
        sa.Column("store", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("template", sa.String(), nullable=False),
        sa.Column("template_version", sa.Integer(), nullable=False),
        sa.Column("own", sa.JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql"), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("author", sa.String(), nullable=False),
        sa.Column("note", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["chain", "store"], ["store_design.chain", "store_design.store"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("chain", "store", "version"),
    )
    op.create_table(
        "upload_gap",
        sa.Column("chain", sa.String(), nullable=False),
        sa.Column("store", sa.String(), nullable=False),
        sa.Column("generation", sa.BigInteger(), nullable=False),
        sa.Column("after", sa.BigInteger(), nullable=False),
        sa.Column("lost", sa.BigInteger(), nullable=False),
        sa.Column("reported", sa.DateTime(), nullable=False),
        sa.CheckConstraint("lost >= 1", name="lost_counts"),
        sa.ForeignKeyConstraint(["chain", "store"], ["upload_position.chain", "upload_position.store"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("chain", "store", "generation", "after"),
    )


def downgrade() -> None:
    op.drop_table("upload_gap")
    op.drop_table("store_design_revision")
    op.drop_table("release_health")
    with op.batch_alter_table("received_event", schema=None) as batch_op:
        batch_op.drop_index("received_event_by_age")

    op.drop_table("received_event")
    with op.batch_alter_table("agent_report", schema=None) as batch_op:
        batch_op.drop_index("agent_report_by_age")

    op.drop_table("agent_report")
    op.drop_table("upload_position")
    with op.batch_alter_table("token", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_token_chain"))

    op.drop_table("token")
    op.drop_table("store_release")
    op.drop_table("store_design")
    op.drop_table("sealed_secret")
    op.drop_table("rollout_wave")
    op.drop_table("rollout_step")
    op.drop_table("rollout_event")
    op.drop_table("figure_news")
    with op.batch_alter_table("figure", schema=None) as batch_op:
        batch_op.drop_index("figure_by_time")
        batch_op.drop_index("figure_by_name")

    op.drop_table("figure")
    op.drop_table("enrolment_code")
    with op.batch_alter_table("device", schema=None) as batch_op:
        batch_op.drop_index("device_by_state")

    op.drop_table("device")
    with op.batch_alter_table("alert", schema=None) as batch_op:
        batch_op.drop_index("alert_by_time")
        batch_op.drop_index("alert_by_kind")
        batch_op.drop_index("alert_by_age")

    op.drop_table("alert")
    with op.batch_alter_table("agent", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_agent_seen"))

    op.drop_table("agent")
    op.drop_table("store")
    op.drop_table("rollout")
    op.drop_table("release_job")
    op.drop_table("design_revision")
    op.drop_table("vendor_package")
    op.drop_table("user")
    op.drop_table("stored_file")
    op.drop_table("retention")
    op.drop_table("release")
    op.drop_table("region")
    op.drop_table("price")
    op.drop_table("figure_sum")
    op.drop_table("design")
    op.drop_table("bundle_part")
    op.drop_table("audit_entry")
    with op.batch_alter_table("idempotent_answer", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_idempotent_answer_at"))

    op.drop_table("idempotent_answer")
    with op.batch_alter_table("failed_login", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_failed_login_name_sha256"))
        batch_op.drop_index(batch_op.f("ix_failed_login_from_sha256"))
        batch_op.drop_index(batch_op.f("ix_failed_login_at"))

    op.drop_table("failed_login")
    op.drop_table("chain")
