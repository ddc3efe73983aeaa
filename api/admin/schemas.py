from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from api.accounts.schemas import Account
from api.identity.principal import Role
from api.paging import Page

ReasonText = Annotated[str, Meta(min_length=3, max_length=500)]


class Reason(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Why. It stands in the audit log."""

    reason: ReasonText


class AnyAccount(msgspec.Struct, frozen=True, kw_only=True):
    """An account and whose it is."""

    user_id: str
    account: Account


class AnyAccountPage(Page, frozen=True, kw_only=True):
    items: list[AnyAccount]


class UserView(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    email: str
    role: Role
    created_at: datetime
    disabled_at: datetime | None


class UserPage(Page, frozen=True, kw_only=True):
    items: list[UserView]


class AuditView(msgspec.Struct, frozen=True, kw_only=True):
    id: int
    at: datetime
    actor_id: str | None
    action: str
    subject: str
    detail: Mapping[str, Any]
    hash: str


class AuditChain(msgspec.Struct, frozen=True, kw_only=True):
    whole: bool
    first_broken_id: int | None
