"""What owners and their web hooks ask of a running strategy."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0006"
down_revision = "0005"

FLEET = "tradefleet_fleet"
API = "tradefleet_api"
ME = "(SELECT current_setting('tradefleet.user_id', true))"
STAFF = "(SELECT coalesce(current_setting('tradefleet.admin', true), '') = 'on')"
MY_ACCOUNTS = f"(SELECT id FROM accounts WHERE user_id = {ME})"  # noqa: S608  (no word of it comes from outside)
MOMENT = postgresql.TIMESTAMP(timezone=True)


def upgrade() -> None:
    op.create_table(
        "commands",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("symbol", sa.Text(), nullable=True),
        sa.Column("detail", postgresql.JSONB(), nullable=False),
        sa.Column("at", MOMENT, server_default=sa.func.now(), nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.id"], name=op.f("fk_commands_account_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_commands_user_id"), ondelete="RESTRICT"),
        sa.PrimaryKeyConstraint("account_id", "id", name=op.f("pk_commands")),
    )
    op.create_index(op.f("ix_commands_user_id"), "commands", ["user_id"])
    op.execute("ALTER TABLE commands ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY")
    op.execute(f"CREATE POLICY fleet ON commands TO {FLEET} USING (true) WITH CHECK (true)")
    op.execute(f"CREATE POLICY staff ON commands FOR SELECT TO {API} USING ({STAFF})")
    op.execute(
        f"CREATE POLICY own ON commands TO {API} USING (user_id = {ME}) "
        f"WITH CHECK (user_id = {ME} AND account_id IN {MY_ACCOUNTS})"
    )
    op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON commands TO {FLEET}")
    op.execute(f"GRANT SELECT, INSERT ON commands TO {API}")


def downgrade() -> None:
    op.drop_table("commands")
