from datetime import datetime
from enum import StrEnum
from typing import Annotated

import msgspec
from msgspec import Meta

from trading.events import Control

ControlReason = Annotated[str, Meta(min_length=3, max_length=500)]
SymbolName = Annotated[str, Meta(pattern=r"^[A-Z0-9]+/[A-Z0-9]+$", max_length=40, examples=["BTC/USDT"])]


class Level(StrEnum):
    PLATFORM = "platform"
    USER = "user"
    ACCOUNT = "account"
    SYMBOL = "symbol"


class SetControl(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`halted` sends no order at all, `reduce_only` none that takes on exposure. Cancellations always go through."""

    state: Control
    reason: ControlReason


class SetAccountControl(SetControl, frozen=True, kw_only=True, forbid_unknown_fields=True):
    symbol: SymbolName | None = None
    """Only over this market; without it over the whole account."""


class ControlView(msgspec.Struct, frozen=True, kw_only=True):
    level: Level
    symbol: str | None
    state: Control
    reason: str
    by_staff: bool
    """Turned by staff: only they turn it back."""
    changed_at: datetime


class Controls(msgspec.Struct, frozen=True, kw_only=True):
    effective: Control
    """The strictest of all levels above symbols: that is what holds."""
    items: list[ControlView]
