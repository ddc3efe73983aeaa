"""Who a request comes from, and how far they may reach."""

from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

import msgspec
from litestar.connection import ASGIConnection

from api.errors import NOT_SIGNED_IN, ApiError
from storage.accounts import Reach
from trading.ids import AccountId, UserId


class Role(StrEnum):
    USER = "user"
    SUPPORT = "support"
    """Reads across tenants, and is written down doing so; changes nothing."""
    ADMIN = "admin"


class Scope(StrEnum):
    """What a token may do. A signed-in browser may do all of it."""

    READ = "read"
    ACCOUNTS = "accounts:write"
    """Make, rename and archive accounts, and choose their strategies."""
    CREDENTIALS = "credentials:write"
    TRADING = "trading:write"
    """Start, pause, resume and stop."""
    ADMIN = "admin"


STAFF = frozenset({Role.SUPPORT, Role.ADMIN})
LATELY = timedelta(minutes=15)
PAPER_MODES = frozenset({"paper", "testnet"})


class Principal(msgspec.Struct, frozen=True, kw_only=True):
    user_id: UserId
    email: str
    role: Role
    scopes: frozenset[Scope]
    session_id: str | None = None
    family: str | None = None
    """Of a program that logged in: its access and refresh tokens."""
    second_factor_at: datetime | None = None
    csrf_token: str | None = None
    """Of a session in a cookie: what an unsafe request must repeat in its header."""
    token_id: str | None = None
    account: AccountId | None = None
    """The one account that a token is locked to."""
    modes: frozenset[str] | None = None
    """The modes that a token is kept to; None: all."""

    @property
    def showed_second_factor_lately(self) -> bool:
        return self.second_factor_at is not None and datetime.now(UTC) - self.second_factor_at < LATELY

    def __repr__(self) -> str:
        return f"Principal({self.user_id}, {self.role})"

    @property
    def reach(self) -> Reach:
        return Reach(user=self.user_id, account=self.account, modes=self.modes)

    @property
    def reach_of_staff(self) -> Reach:
        return Reach(user=None, account=self.account, modes=self.modes)


Connection = ASGIConnection[Any, Any, Any, Any]


def principal_of(connection: Connection) -> Principal | None:
    found = connection.scope.get("auth")
    return found if isinstance(found, Principal) else None


def signed_in(connection: Connection) -> Principal:
    found = principal_of(connection)
    if found is None:
        raise ApiError(NOT_SIGNED_IN)
    return found
