"""Create the tables; hypertables where TimescaleDB is there."""

import datetime as dt
from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP

revision = "0001"
down_revision = None

TIME = TIMESTAMP(timezone=True)
TABLES = (
    *("users", "accounts", "api_tokens", "sessions", "audit_log", "credentials", "strategy_configs", "runs"),
    *("account_leases", "account_runtime", "controls", "order_intents", "orders", "account_cursors", "events"),
    *("service_leases", "fills", "equity", "decisions", "candles"),
)


def needed(name: str, kind: Any, *rest: Any, **options: Any) -> sa.Column[Any]:
    return sa.Column(name, kind, *rest, nullable=False, **options)


def key(name: str, kind: Any = sa.Text) -> sa.Column[Any]:
    return sa.Column(name, kind, primary_key=True)


def user(ondelete: str = "RESTRICT", *, nullable: bool = False) -> sa.Column[Any]:
    reference = sa.ForeignKey("users.id", ondelete=ondelete)
    return sa.Column("user_id", sa.Text, reference, nullable=nullable, index=True)


def account(*, primary_key: bool = False, nullable: bool = False) -> sa.Column[Any]:
    reference = sa.ForeignKey("accounts.id", ondelete="CASCADE")
    return sa.Column("account_id", sa.Text, reference, primary_key=primary_key, nullable=nullable)


def time_of(name: str) -> sa.Column[Any]:
    return needed(name, TIME, server_default=sa.func.now())


def one_of(column: str, *values: str) -> sa.CheckConstraint:
    return sa.CheckConstraint(f"{column} IN ({', '.join(repr(value) for value in values)})", name=column)


def hypertable(time_column: str, *, chunk_days: int) -> dict[str, Any]:
    return {
        "timescaledb_hypertable": {
            "time_column_name": time_column,
            "chunk_time_interval": dt.timedelta(days=chunk_days),
        }
    }


def upgrade() -> None:
    # Not every server has it, and one that has it need not have it in this database yet.
    op.execute(
        "DO $$ BEGIN IF EXISTS (SELECT FROM pg_available_extensions WHERE name = 'timescaledb') THEN "
        "CREATE EXTENSION IF NOT EXISTS timescaledb; END IF; END $$"
    )
    create_people()
    create_accounts()
    create_orders()
    create_hypertables()


def downgrade() -> None:
    for table in reversed(TABLES):
        op.drop_table(table)


def create_people() -> None:
    op.create_table(
        "users",
        key("id"),
        needed("email", sa.Text, unique=True),
        needed("password_hash", sa.Text),
        needed("role", sa.Text, one_of("role", "user", "support", "admin")),
        time_of("created_at"),
        sa.Column("disabled_at", TIME),
    )
    op.create_table(
        "sessions",
        key("id"),
        user("CASCADE"),
        needed("kind", sa.Text, one_of("kind", "session", "sign_in_link")),
        needed("secret_hash", sa.LargeBinary, unique=True),
        time_of("created_at"),
        needed("expires_at", TIME),
        sa.Column("last_seen_at", TIME),
        sa.Column("revoked_at", TIME),
    )
    op.create_table(
        "audit_log",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
        time_of("at"),
        sa.Column("actor_id", sa.Text),
        needed("action", sa.Text),
        needed("subject", sa.Text),
        needed("detail", JSONB),
        needed("previous_hash", sa.LargeBinary),
        needed("hash", sa.LargeBinary),
    )


def create_accounts() -> None:
    op.create_table(
        "accounts",
        key("id"),
        user(),
        needed("name", sa.Text),
        needed("venue", sa.Text),
        needed("mode", sa.Text, one_of("mode", "paper", "testnet", "live")),
        needed(
            "desired_state",
            sa.Text,
            one_of("desired_state", "running", "paused", "stopped"),
            server_default="stopped",
        ),
        needed("isolation", sa.Text, one_of("isolation", "dedicated", "shared"), server_default="dedicated"),
        needed(
            "crash_contract",
            sa.Text,
            one_of("crash_contract", "resume", "reduce", "flatten", "hold"),
            server_default="resume",
        ),
        needed("time_zone", sa.Text, server_default="UTC"),
        time_of("created_at"),
        sa.Column("archived_at", TIME),
        sa.UniqueConstraint("user_id", "name"),
    )
    op.create_table(
        "api_tokens",
        key("id"),
        user("CASCADE"),
        needed("name", sa.Text),
        needed("token_hash", sa.LargeBinary, unique=True),
        needed("scopes", JSONB),
        account(nullable=True),
        time_of("created_at"),
        sa.Column("expires_at", TIME),
        sa.Column("last_used_at", TIME),
        sa.Column("revoked_at", TIME),
    )
    op.create_table(
        "credentials",
        account(primary_key=True),
        user(),
        needed("key_last4", sa.String(4)),
        needed("sealed", sa.LargeBinary),
        needed("wrapped_key", sa.LargeBinary),
        needed("master_key_id", sa.Text),
        needed("version", sa.BigInteger, server_default="1"),
        time_of("updated_at"),
    )
    op.create_table(
        "strategy_configs",
        key("id"),
        account(),
        user(),
        needed("version", sa.BigInteger),
        needed("strategy", sa.Text),
        needed("params", JSONB),
        time_of("created_at"),
        sa.UniqueConstraint("account_id", "version"),
    )
    op.create_table(
        "runs",
        key("id"),
        account(),
        user(),
        needed("config_id", sa.Text, sa.ForeignKey("strategy_configs.id")),
        needed("state", sa.Text, one_of("state", "active", "closing", "closed", "error"), server_default="active"),
        time_of("opened_at"),
        sa.Column("closed_at", TIME),
        sa.Column("checkpoint", JSONB),
        needed("checkpoint_version", sa.BigInteger, server_default="0"),
        sa.Index("uq_runs_account_id_live", "account_id", unique=True, postgresql_where="closed_at IS NULL"),
    )
    op.create_table(
        "account_leases",
        account(primary_key=True),
        needed("epoch", sa.BigInteger),
        needed("holder", sa.Text),
        needed("expires_at", TIME),
    )
    op.create_table(
        "account_runtime",
        account(primary_key=True),
        user(),
        needed("state", sa.Text),
        needed("reason", sa.Text, server_default=""),
        sa.Column("host", sa.Text),
        sa.Column("heartbeat_at", TIME),
        sa.Column("balances", JSONB),
        sa.Column("balances_at", TIME),
        time_of("changed_at"),
    )
    op.create_table(
        "controls",
        key("scope"),
        user(nullable=True),
        needed("state", sa.Text, one_of("state", "active", "reduce_only", "halted"), server_default="active"),
        needed("reason", sa.Text, server_default=""),
        sa.Column("changed_by", sa.Text),
        time_of("changed_at"),
    )
    op.create_table(
        "service_leases",
        key("role"),
        needed("holder", sa.Text),
        needed("epoch", sa.BigInteger),
        needed("expires_at", TIME),
    )


def create_orders() -> None:
    op.create_table(
        "order_intents",
        account(primary_key=True),
        key("client_order_id"),
        user(),
        needed("run_id", sa.Text, sa.ForeignKey("runs.id", ondelete="CASCADE"), index=True),
        needed("epoch", sa.BigInteger),
        needed("slot", sa.Text),
        needed("cycle", sa.BigInteger),
        needed("attempt", sa.BigInteger),
        needed("symbol", sa.Text),
        needed("side", sa.Text),
        needed("kind", sa.Text),
        needed("purpose", sa.Text),
        needed("quantity", sa.Numeric),
        sa.Column("price", sa.Numeric),
        needed("reason", sa.Text),
        needed("intended_at", TIME),
    )
    op.create_table(
        "orders",
        account(primary_key=True),
        key("client_order_id"),
        user(),
        needed("state", sa.Text),
        sa.Column("venue_order_id", sa.Text),
        needed("filled", sa.Numeric, server_default="0"),
        needed("quote_filled", sa.Numeric, server_default="0"),
        needed("reason", sa.Text, server_default=""),
        needed("updated_at", TIME, server_default=sa.func.clock_timestamp()),
        sa.Column("settled_at", TIME),
        sa.Index("ix_orders_unsettled", "account_id", postgresql_where="settled_at IS NULL"),
        sa.Index("ix_orders_account_id_venue_order_id", "account_id", "venue_order_id"),
    )
    op.create_table(
        "account_cursors",
        account(primary_key=True),
        needed("seq", sa.BigInteger, server_default="0"),
        needed("trades_read", JSONB, server_default="{}"),
    )
    op.create_table(
        "events",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
        needed("at", TIME, server_default=sa.func.clock_timestamp()),
        user(),
        account(nullable=True),
        needed("kind", sa.Text),
        needed("body", JSONB),
    )


def create_hypertables() -> None:
    op.create_table(
        "fills",
        key("account_id"),
        key("symbol"),
        key("trade_id"),
        key("at", TIME),
        needed("user_id", sa.Text),
        sa.Column("run_id", sa.Text),
        sa.Column("client_order_id", sa.Text),
        needed("venue_order_id", sa.Text),
        needed("side", sa.Text),
        needed("price", sa.Numeric),
        needed("quantity", sa.Numeric),
        needed("fee", sa.Numeric),
        needed("fee_asset", sa.Text),
        needed("maker", sa.Boolean),
        needed("seq", sa.BigInteger),
        sa.Index("ix_fills_account_id_at", "account_id", "at"),
        sa.Index("ix_fills_account_id_seq", "account_id", "seq"),
        **hypertable("at", chunk_days=7),
    )
    op.create_table(
        "equity",
        key("account_id"),
        key("at", TIME),
        needed("user_id", sa.Text),
        needed("quote_asset", sa.Text),
        needed("equity", sa.Numeric),
        needed("realised", sa.Numeric),
        needed("unrealised", sa.Numeric),
        **hypertable("at", chunk_days=7),
    )
    op.create_table(
        "decisions",
        key("account_id"),
        key("at", TIME),
        key("id"),
        needed("user_id", sa.Text),
        needed("run_id", sa.Text),
        needed("kind", sa.Text),
        sa.Column("symbol", sa.Text),
        needed("reason", sa.Text),
        needed("detail", JSONB),
        sa.Index("ix_decisions_account_id_at", "account_id", "at"),
        **hypertable("at", chunk_days=1),
    )
    op.create_table(
        "candles",
        key("venue"),
        key("symbol"),
        key("timeframe"),
        key("opened_at", TIME),
        needed("open", sa.Numeric),
        needed("high", sa.Numeric),
        needed("low", sa.Numeric),
        needed("close", sa.Numeric),
        needed("volume", sa.Numeric),
        **hypertable("opened_at", chunk_days=30),
    )
