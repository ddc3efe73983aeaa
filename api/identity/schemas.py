"""What goes in and out of identity. Passwords and secrets only ever go one way; `repr` shows neither."""

from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from api.identity.principal import Role, Scope
from security.passwords import PASSWORD_LENGTH_MAX, PASSWORD_LENGTH_MIN

Email = Annotated[str, Meta(min_length=3, max_length=254, pattern=r"^[^@\s]+@[^@\s]+$", examples=["ada@example.com"])]
NewPassword = Annotated[str, Meta(min_length=PASSWORD_LENGTH_MIN, max_length=PASSWORD_LENGTH_MAX)]
GivenPassword = Annotated[str, Meta(min_length=1, max_length=PASSWORD_LENGTH_MAX)]
Code = Annotated[str, Meta(min_length=6, max_length=40, pattern=r"^[0-9A-Za-z -]+$", examples=["123456"])]
Name = Annotated[str, Meta(min_length=1, max_length=80, pattern=r"^\S(.*\S)?$")]


class Register(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    email: Email
    password: NewPassword

    def __repr__(self) -> str:
        return "Register(***)"


class LogIn(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    email: Email
    password: GivenPassword
    code: Code | None = None
    """Where a second factor is on: from the authenticator, or a recovery code."""

    def __repr__(self) -> str:
        return "LogIn(***)"


class ChangePassword(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    current: GivenPassword
    new: NewPassword

    def __repr__(self) -> str:
        return "ChangePassword(***)"


class Refresh(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    refresh_token: Annotated[str, Meta(min_length=1, max_length=200)]

    def __repr__(self) -> str:
        return "Refresh(***)"


class Grant(msgspec.Struct, frozen=True, kw_only=True):
    """Send `access_token` as a bearer token until it is over, then trade `refresh_token` for new ones, once."""

    access_token: str
    refresh_token: str
    expires_in: int
    """Seconds that the access token lives."""
    token_type: str = "Bearer"  # noqa: S105

    def __repr__(self) -> str:
        return "Grant(***)"


class ProvePassword(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    password: GivenPassword

    def __repr__(self) -> str:
        return "ProvePassword(***)"


class ShowCode(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    code: Code

    def __repr__(self) -> str:
        return "ShowCode(***)"


class SecondFactorView(msgspec.Struct, frozen=True, kw_only=True):
    on: bool
    recovery_codes_left: int
    shown_at: datetime | None
    """When this session last showed it."""


class SecondFactorSecret(msgspec.Struct, frozen=True, kw_only=True):
    """Shown once. It guards nothing until a code made with it is sent to `confirm`."""

    secret: str
    uri: str
    """For a QR code."""

    def __repr__(self) -> str:
        return "SecondFactorSecret(***)"


class RecoveryCodes(msgspec.Struct, frozen=True, kw_only=True):
    """Shown once. Each lets in once, without the authenticator."""

    codes: list[str]

    def __repr__(self) -> str:
        return "RecoveryCodes(***)"


class Me(msgspec.Struct, frozen=True, kw_only=True):
    """Who is signed in. `csrf_token` is null for a bearer token, which needs none."""

    id: str
    email: str
    role: Role
    csrf_token: str | None
    scopes: list[Scope]


class SessionView(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    created_at: datetime
    expires_at: datetime
    last_seen_at: datetime | None
    current: bool


class CreateToken(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    name: Name
    live: bool = False
    """False: it reaches paper and testnet accounts only."""
    scopes: Annotated[list[Scope], Meta(min_length=1, max_length=10)] = msgspec.field(
        default_factory=lambda: [Scope.READ]
    )
    account_id: str | None = None
    """Lock it to one account."""
    expires_in_days: Annotated[int, Meta(ge=1, le=3650)] | None = 90


class TokenView(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    name: str
    scopes: list[str]
    account_id: str | None
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None


class NewToken(msgspec.Struct, frozen=True, kw_only=True):
    """The only time that `secret` is shown."""

    token: TokenView
    secret: str

    def __repr__(self) -> str:
        return "NewToken(***)"
