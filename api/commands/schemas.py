"""What goes in and out of commands."""

from datetime import datetime
from typing import Annotated, Any

import msgspec
from msgspec import Meta

Identifier = Annotated[str, Meta(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_-]+$")]
CommandName = Annotated[str, Meta(min_length=1, max_length=40, pattern=r"^[a-z][a-z_]*$", examples=["panic_sell"])]
SymbolText = Annotated[str, Meta(min_length=3, max_length=40, pattern=r"^[A-Z0-9]+/[A-Z0-9]+$")]


class GiveCommand(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which commands there are, the page of each strategy says."""

    name: CommandName
    symbol: SymbolText | None = None
    detail: dict[str, Any] = {}
    key: Identifier | None = None
    """Yours to choose: a command under the same key again is heard once."""
    good_for_s: Annotated[int, Meta(ge=1, le=3600)] = 60
    """A trader that gets to hear of it only later lets it be."""


class Given(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    expires_at: datetime
    repeated: bool
    """It was given before, under this key."""
