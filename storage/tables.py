"""The schema. Alembic's migrations and these tables say the same; a test compares them.

Every tenant table carries `user_id`, so that one row-level-security policy fits all of them. Hypertables have none:
compression and row-level security do not mix, so they are reached through their repositories alone.
"""

import datetime as dt
from decimal import Decimal
from typing import Any, ClassVar

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Identity,
    Index,
    LargeBinary,
    Numeric,
    String,
    Text,
    UniqueConstraint,
    func,
)
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

# Constraint names are fixed, so that migrations can name them on every database.
NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}


class Base(DeclarativeBase):
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        dt.datetime: TIMESTAMP(timezone=True),
        Decimal: Numeric(),
        str: Text(),
        int: BigInteger(),
        dict[str, Any]: JSONB(),
    }


Base.metadata.naming_convention = NAMING


def hypertable(time_column: str, chunk: dt.timedelta) -> dict[str, Any]:
    return {"timescaledb_hypertable": {"time_column_name": time_column, "chunk_time_interval": chunk}}


class User(Base):
    __tablename__ = "users"

    id: Mapped[str] = mapped_column(primary_key=True)
    email: Mapped[str] = mapped_column(unique=True)
    password_hash: Mapped[str]
    role: Mapped[str] = mapped_column(CheckConstraint("role IN ('user', 'support', 'admin')", name="role"))
    created_at: Mapped[dt.datetime] = mapped_column(server_default=func.now())
    disabled_at: Mapped[dt.datetime | None]


class ApiToken(Base):
    """A personal token. Only its hash is kept."""

    __tablename__ = "api_tokens"

    id: Mapped[str] = mapped_column(primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    name: Mapped[str]
    token_hash: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    scopes: Mapped[list[str]] = mapped_column(JSONB)
    account_id: Mapped[str | None] = mapped_column(ForeignKey("accounts.id", ondelete="CASCADE"))
    created_at: Mapped[dt.datetime] = mapped_column(server_default=func.now())
    expires_at: Mapped[dt.datetime | None]
    last_used_at: Mapped[dt.datetime | None]
    revoked_at: Mapped[dt.datetime | None]


class Session(Base):
    """Whatever signs somebody in for a while. Only the hash of its secret is kept.

    A browser's session; a sign-in link that waits for its one use; a program's access token, and the refresh token that
    it is renewed with.
    """

    __tablename__ = "sessions"

    id: Mapped[str] = mapped_column(primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    kind: Mapped[str] = mapped_column(
        CheckConstraint("kind IN ('session', 'sign_in_link', 'access', 'refresh')", name="kind")
    )
    secret_hash: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    created_at: Mapped[dt.datetime] = mapped_column(server_default=func.now())
    expires_at: Mapped[dt.datetime]
    last_seen_at: Mapped[dt.datetime | None]
    revoked_at: Mapped[dt.datetime | None]
    family: Mapped[str | None] = mapped_column(index=True)
    """The login that access and refresh tokens descend from: one of them used twice ends them all."""
    second_factor_at: Mapped[dt.datetime | None]
    """When the second factor was last shown: what is dangerous wants it to be lately."""


class SecondFactor(Base):
    """A user's authenticator app: its secret sealed, and the last step of time that was accepted, lest it be again."""

    __tablename__ = "second_factors"

    user_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    sealed: Mapped[bytes] = mapped_column(LargeBinary)
    wrapped_key: Mapped[bytes] = mapped_column(LargeBinary)
    master_key_id: Mapped[str]
    confirmed_at: Mapped[dt.datetime | None]
    last_step: Mapped[int] = mapped_column(server_default="0")
    created_at: Mapped[dt.datetime] = mapped_column(server_default=func.now())


class RecoveryCode(Base):
    """A way in without the authenticator, once."""

    __tablename__ = "recovery_codes"

    user_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    code_hash: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    used_at: Mapped[dt.datetime | None]


class AuditEntry(Base):
    """What people changed. Each row's hash covers the row before it, so that a deleted or altered row shows."""

    __tablename__ = "audit_log"

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    at: Mapped[dt.datetime] = mapped_column(server_default=func.now())
    actor_id: Mapped[str | None]
    action: Mapped[str]
    subject: Mapped[str]
    detail: Mapped[dict[str, Any]]
    previous_hash: Mapped[bytes] = mapped_column(LargeBinary)
    hash: Mapped[bytes] = mapped_column(LargeBinary)


class Account(Base):
    """A customer's account at a venue, and what its owner wants of it."""

    __tablename__ = "accounts"
    __table_args__ = (UniqueConstraint("user_id", "name"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="RESTRICT"), index=True)
    name: Mapped[str]
    venue: Mapped[str]
    mode: Mapped[str] = mapped_column(CheckConstraint("mode IN ('paper', 'testnet', 'live')", name="mode"))
    desired_state: Mapped[str] = mapped_column(
        CheckConstraint("desired_state IN ('running', 'paused', 'stopped')", name="desired_state"),
        server_default="stopped",
    )
    closing: Mapped[str | None] = mapped_column(
        CheckConstraint("closing IN ('cancel', 'market', 'limit')", name="closing")
    )
    """How its run shall end, now that it is stopped. None leaves orders and coins where they are."""
    isolation: Mapped[str] = mapped_column(
        CheckConstraint("isolation IN ('dedicated', 'shared')", name="isolation"), server_default="dedicated"
    )
    crash_contract: Mapped[str] = mapped_column(
        CheckConstraint("crash_contract IN ('resume', 'reduce', 'flatten', 'hold')", name="crash_contract"),
        server_default="resume",
    )
    time_zone: Mapped[str] = mapped_column(server_default="UTC")
    created_at: Mapped[dt.datetime] = mapped_column(server_default=func.now())
    archived_at: Mapped[dt.datetime | None]


class Credential(Base):
    """An account's exchange key, sealed: it opens only for this user, account and venue (see `security.envelope`)."""

    __tablename__ = "credentials"

    account_id: Mapped[str] = mapped_column(ForeignKey("accounts.id", ondelete="CASCADE"), primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="RESTRICT"), index=True)
    key_last4: Mapped[str] = mapped_column(String(4))
    sealed: Mapped[bytes] = mapped_column(LargeBinary)
    wrapped_key: Mapped[bytes] = mapped_column(LargeBinary)
    master_key_id: Mapped[str]
    version: Mapped[int] = mapped_column(server_default="1")
    updated_at: Mapped[dt.datetime] = mapped_column(server_default=func.now())


class StrategyConfig(Base):
    """One version of a strategy and its params for an account. An edit makes a new row; rows are never changed."""

    __tablename__ = "strategy_configs"
    __table_args__ = (UniqueConstraint("account_id", "version"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    account_id: Mapped[str] = mapped_column(ForeignKey("accounts.id", ondelete="CASCADE"))
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="RESTRICT"), index=True)
    version: Mapped[int]
    strategy: Mapped[str]
    params: Mapped[dict[str, Any]]
    created_at: Mapped[dt.datetime] = mapped_column(server_default=func.now())


class Run(Base):
    """One life of a strategy on an account: from its activation until it is closed. Orders are named after it."""

    __tablename__ = "runs"
    __table_args__ = (
        Index("uq_runs_account_id_live", "account_id", unique=True, postgresql_where="closed_at IS NULL"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    account_id: Mapped[str] = mapped_column(ForeignKey("accounts.id", ondelete="CASCADE"))
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="RESTRICT"), index=True)
    config_id: Mapped[str] = mapped_column(ForeignKey("strategy_configs.id"))
    state: Mapped[str] = mapped_column(
        CheckConstraint("state IN ('active', 'closing', 'closed', 'error')", name="state"), server_default="active"
    )
    opened_at: Mapped[dt.datetime] = mapped_column(server_default=func.now())
    closed_at: Mapped[dt.datetime | None]
    checkpoint: Mapped[dict[str, Any] | None]
    """The trader's own memory (see `trading.events.Checkpoint`), saved with each intent and from time to time."""
    checkpoint_version: Mapped[int] = mapped_column(server_default="0")


class AccountLease(Base):
    """Who may trade for an account. The epoch grows with every grant; an order is intended only under the newest."""

    __tablename__ = "account_leases"

    account_id: Mapped[str] = mapped_column(ForeignKey("accounts.id", ondelete="CASCADE"), primary_key=True)
    epoch: Mapped[int]
    holder: Mapped[str]
    expires_at: Mapped[dt.datetime]


class AccountRuntime(Base):
    """What the fleet last knew of an account: shown to people, never trusted by the fleet itself."""

    __tablename__ = "account_runtime"

    account_id: Mapped[str] = mapped_column(ForeignKey("accounts.id", ondelete="CASCADE"), primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="RESTRICT"), index=True)
    state: Mapped[str]
    reason: Mapped[str] = mapped_column(server_default="")
    host: Mapped[str | None]
    heartbeat_at: Mapped[dt.datetime | None]
    balances: Mapped[dict[str, Any] | None]
    """Asset to free and locked, as strings; as the venue last reported them."""
    balances_at: Mapped[dt.datetime | None]
    changed_at: Mapped[dt.datetime] = mapped_column(server_default=func.now())


class Control(Base):
    """A switch over trading, at one level: the platform (`*`), a user, an account, or an account's symbol."""

    __tablename__ = "controls"

    scope: Mapped[str] = mapped_column(primary_key=True)
    """`*`, `usr_…`, `acc_…`, or `acc_…/BTC/USDT`."""
    user_id: Mapped[str | None] = mapped_column(ForeignKey("users.id", ondelete="RESTRICT"), index=True)
    state: Mapped[str] = mapped_column(
        CheckConstraint("state IN ('active', 'reduce_only', 'halted')", name="state"), server_default="active"
    )
    reason: Mapped[str] = mapped_column(server_default="")
    changed_by: Mapped[str | None]
    changed_at: Mapped[dt.datetime] = mapped_column(server_default=func.now())


class OrderIntent(Base):
    """An order that we meant to send, written before it was sent and never changed after. Idempotency lives here."""

    __tablename__ = "order_intents"

    account_id: Mapped[str] = mapped_column(ForeignKey("accounts.id", ondelete="CASCADE"), primary_key=True)
    client_order_id: Mapped[str] = mapped_column(primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="RESTRICT"), index=True)
    run_id: Mapped[str] = mapped_column(ForeignKey("runs.id", ondelete="CASCADE"), index=True)
    epoch: Mapped[int]
    slot: Mapped[str]
    cycle: Mapped[int]
    attempt: Mapped[int]
    symbol: Mapped[str]
    side: Mapped[str]
    kind: Mapped[str]
    purpose: Mapped[str]
    quantity: Mapped[Decimal]
    price: Mapped[Decimal | None]
    reason: Mapped[str]
    intended_at: Mapped[dt.datetime]
    """The venue time that the request is signed with: a receive window after it, the venue refuses the request, so
    an order that the venue does not know by then never was and never will be."""


class OrderRow(Base):
    """What became of an intent."""

    __tablename__ = "orders"
    __table_args__ = (
        Index("ix_orders_unsettled", "account_id", postgresql_where="settled_at IS NULL"),
        Index("ix_orders_account_id_venue_order_id", "account_id", "venue_order_id"),
    )

    account_id: Mapped[str] = mapped_column(ForeignKey("accounts.id", ondelete="CASCADE"), primary_key=True)
    client_order_id: Mapped[str] = mapped_column(primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="RESTRICT"), index=True)
    state: Mapped[str]
    venue_order_id: Mapped[str | None]
    filled: Mapped[Decimal] = mapped_column(server_default="0")
    quote_filled: Mapped[Decimal] = mapped_column(server_default="0")
    reason: Mapped[str] = mapped_column(server_default="")
    updated_at: Mapped[dt.datetime] = mapped_column(server_default=func.clock_timestamp())
    settled_at: Mapped[dt.datetime | None]
    """When it reached a terminal state with all its fills recorded."""


class AccountCursor(Base):
    """Per account, the number of its newest order or fill news; per symbol, the newest trade read from the venue."""

    __tablename__ = "account_cursors"

    account_id: Mapped[str] = mapped_column(ForeignKey("accounts.id", ondelete="CASCADE"), primary_key=True)
    seq: Mapped[int] = mapped_column(server_default="0")
    trades_read: Mapped[dict[str, Any]] = mapped_column(server_default="{}")


class CommandRow(Base):
    """What an owner or their web hook asks of a running strategy. Its id makes saying it twice saying it once."""

    __tablename__ = "commands"

    account_id: Mapped[str] = mapped_column(ForeignKey("accounts.id", ondelete="CASCADE"), primary_key=True)
    id: Mapped[str] = mapped_column(primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="RESTRICT"), index=True)
    name: Mapped[str]
    symbol: Mapped[str | None]
    detail: Mapped[dict[str, Any]]
    at: Mapped[dt.datetime] = mapped_column(server_default=func.now())
    expires_at: Mapped[dt.datetime]


class Event(Base):
    """Everything that happens to an account, in order: the outbox that streams, notifications and web hooks read."""

    __tablename__ = "events"
    __table_args__ = (Index("ix_events_user_id_id", "user_id", "id"),)

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    at: Mapped[dt.datetime] = mapped_column(server_default=func.clock_timestamp())
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="RESTRICT"))
    account_id: Mapped[str | None] = mapped_column(ForeignKey("accounts.id", ondelete="CASCADE"))
    kind: Mapped[str]
    body: Mapped[dict[str, Any]]


class ServiceLease(Base):
    """Leadership, for instance of the supervisor: one row a role, held until it expires."""

    __tablename__ = "service_leases"

    role: Mapped[str] = mapped_column(primary_key=True)
    holder: Mapped[str]
    epoch: Mapped[int]
    expires_at: Mapped[dt.datetime]


class FillRow(Base):
    """A trade of ours. The venue's trade id is unique per venue and symbol; `at` is in the key for TimescaleDB."""

    __tablename__ = "fills"
    __table_args__ = (
        Index("ix_fills_account_id_at", "account_id", "at"),
        Index("ix_fills_account_id_seq", "account_id", "seq"),
        hypertable("at", dt.timedelta(days=7)),
    )

    account_id: Mapped[str] = mapped_column(primary_key=True)
    symbol: Mapped[str] = mapped_column(primary_key=True)
    trade_id: Mapped[str] = mapped_column(primary_key=True)
    at: Mapped[dt.datetime] = mapped_column(primary_key=True)
    user_id: Mapped[str]
    run_id: Mapped[str | None]
    client_order_id: Mapped[str | None]
    venue_order_id: Mapped[str]
    side: Mapped[str]
    price: Mapped[Decimal]
    quantity: Mapped[Decimal]
    fee: Mapped[Decimal]
    fee_asset: Mapped[str]
    maker: Mapped[bool]
    seq: Mapped[int]
    """The number of the news that told of it; 0 as long as it belongs to no order of ours."""


class EquityRow(Base):
    """What an account was worth, in its quote asset, at a moment."""

    __tablename__ = "equity"
    __table_args__ = (hypertable("at", dt.timedelta(days=7)),)

    account_id: Mapped[str] = mapped_column(primary_key=True)
    at: Mapped[dt.datetime] = mapped_column(primary_key=True)
    user_id: Mapped[str]
    quote_asset: Mapped[str]
    equity: Mapped[Decimal]
    realised: Mapped[Decimal]
    unrealised: Mapped[Decimal]


class DecisionRow(Base):
    """What a trader decided and why: orders, refusals with their numbers, errors of a strategy."""

    __tablename__ = "decisions"
    __table_args__ = (
        Index("ix_decisions_account_id_at", "account_id", "at"),
        hypertable("at", dt.timedelta(days=1)),
    )

    account_id: Mapped[str] = mapped_column(primary_key=True)
    at: Mapped[dt.datetime] = mapped_column(primary_key=True)
    id: Mapped[str] = mapped_column(primary_key=True)
    user_id: Mapped[str]
    run_id: Mapped[str]
    kind: Mapped[str]
    symbol: Mapped[str | None]
    reason: Mapped[str]
    detail: Mapped[dict[str, Any]]


class CandleRow(Base):
    __tablename__ = "candles"
    __table_args__ = (hypertable("opened_at", dt.timedelta(days=30)),)

    venue: Mapped[str] = mapped_column(primary_key=True)
    symbol: Mapped[str] = mapped_column(primary_key=True)
    timeframe: Mapped[str] = mapped_column(primary_key=True)
    opened_at: Mapped[dt.datetime] = mapped_column(primary_key=True)
    open: Mapped[Decimal]
    high: Mapped[Decimal]
    low: Mapped[Decimal]
    close: Mapped[Decimal]
    volume: Mapped[Decimal]


TENANT_TABLES = (
    "accounts",
    "api_tokens",
    "sessions",
    "credentials",
    "strategy_configs",
    "runs",
    "account_runtime",
    "controls",
    "order_intents",
    "orders",
    "commands",
    "events",
)
PRIVATE_TABLES = ("second_factors", "recovery_codes")
"""Of nobody but their user: staff and the fleet see none of it."""
HYPERTABLES = ("fills", "equity", "decisions", "candles")
