"""Second factors, and access and refresh tokens beside the sessions.

Second factors are of nobody but their user. Staff reads across tenants, but not here.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"

API = "tradefleet_api"
ME = "(SELECT current_setting('tradefleet.user_id', true))"
PRIVATE = ("second_factors", "recovery_codes")
MOMENT = postgresql.TIMESTAMP(timezone=True)

KINDS_BEFORE = "kind IN ('session', 'sign_in_link')"
KINDS = "kind IN ('session', 'sign_in_link', 'access', 'refresh')"


def upgrade() -> None:
    op.drop_constraint("ck_sessions_kind", "sessions")
    op.create_check_constraint(op.f("ck_sessions_kind"), "sessions", KINDS)
    op.add_column("sessions", sa.Column("family", sa.Text(), nullable=True))
    op.add_column("sessions", sa.Column("second_factor_at", MOMENT, nullable=True))
    op.create_index(op.f("ix_sessions_family"), "sessions", ["family"])
    # Streams ask for one user's events after a number.
    op.create_index("ix_events_user_id_id", "events", ["user_id", "id"])
    op.drop_index(op.f("ix_events_user_id"), "events")
    op.create_table(
        "second_factors",
        owner("second_factors"),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("wrapped_key", sa.LargeBinary(), nullable=False),
        sa.Column("master_key_id", sa.Text(), nullable=False),
        sa.Column("confirmed_at", MOMENT, nullable=True),
        sa.Column("last_step", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("created_at", MOMENT, server_default=sa.func.now(), nullable=False),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_second_factors")),
    )
    op.create_table(
        "recovery_codes",
        owner("recovery_codes"),
        sa.Column("code_hash", sa.LargeBinary(), nullable=False),
        sa.Column("used_at", MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("user_id", "code_hash", name=op.f("pk_recovery_codes")),
    )
    for table in PRIVATE:
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY own ON {table} TO {API} USING (user_id = {ME}) WITH CHECK (user_id = {ME})")
    op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {', '.join(PRIVATE)} TO {API}")


def downgrade() -> None:
    for table in PRIVATE:
        op.drop_table(table)
    op.create_index(op.f("ix_events_user_id"), "events", ["user_id"])
    op.drop_index("ix_events_user_id_id", "events")
    op.execute("DELETE FROM sessions WHERE kind NOT IN ('session', 'sign_in_link')")
    op.drop_index(op.f("ix_sessions_family"), "sessions")
    op.drop_column("sessions", "second_factor_at")
    op.drop_column("sessions", "family")
    op.drop_constraint("ck_sessions_kind", "sessions")
    op.create_check_constraint(op.f("ck_sessions_kind"), "sessions", KINDS_BEFORE)


def owner(table: str) -> sa.Column[str]:
    key = sa.ForeignKey("users.id", name=op.f(f"fk_{table}_user_id"), ondelete="CASCADE")
    return sa.Column("user_id", sa.Text(), key, nullable=False)
