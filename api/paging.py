"""Keyset pages: `{items, next_cursor}`, by time and id, so that page one thousand costs what page one does.

A cursor is opaque and carries a checksum and the name of its list. It is not secret and not signed: what a caller may
see is decided by the query, so a forged one only starts elsewhere among the caller's own rows.
"""

import base64
import binascii
import hashlib
from collections.abc import Callable, Sequence
from typing import Annotated, Any, Self, TypeVar

import msgspec
from litestar.params import QueryParameter

from api.errors import UNKNOWN_CURSOR, ApiError
from storage.keyset import Position

Row = TypeVar("Row")
OnePage = TypeVar("OnePage", bound="Page")

PAGE_DEFAULT = 50
PAGE_MAX = 500
CHECK_BYTES = 6

Limit = Annotated[int, QueryParameter(name="limit", ge=1, le=PAGE_MAX, description="Items per page.")]
Cursor = Annotated[
    str | None,
    QueryParameter(name="cursor", max_length=512, description="The `next_cursor` of the page before, as it came."),
]


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """Each list's page adds `items`. Not a generic: clients are made from the schema, and that takes the names."""

    next_cursor: str | None
    """Null on the last page."""


class Keyset(msgspec.Struct, frozen=True):
    """A request for one page of a named list."""

    name: str
    limit: int
    after: Position | None

    @classmethod
    def read(cls, name: str, limit: int, cursor: str | None, *, parts: int = 1) -> Self:
        """`parts` is how many columns the key has beside the time."""
        return cls(name, limit, None if cursor is None else _decode(name, cursor, parts))

    def page(
        self,
        kind: Callable[..., OnePage],
        rows: Sequence[Row],
        item: Callable[[Row], Any],
        position: Callable[[Row], Position],
    ) -> OnePage:
        """Make a page of up to `limit` + 1 rows: the one too many says that there is a next page."""
        shown = rows[: self.limit]
        more = len(rows) > self.limit
        return kind(
            items=[item(row) for row in shown],
            next_cursor=_encode(self.name, position(shown[-1])) if more else None,
        )


def _checksum(name: str, body: bytes) -> bytes:
    return hashlib.blake2b(body, person=name.encode()[:16], digest_size=CHECK_BYTES).digest()


def _encode(name: str, position: Position) -> str:
    body = msgspec.json.encode(position)
    return base64.urlsafe_b64encode(_checksum(name, body) + body).decode().rstrip("=")


def _decode(name: str, cursor: str, parts: int) -> Position:
    try:
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        position = msgspec.json.decode(raw[CHECK_BYTES:], type=Position)
    except (binascii.Error, ValueError, msgspec.DecodeError):
        raise ApiError(UNKNOWN_CURSOR) from None
    # Written back it must be the same: base64 and JSON have many spellings of one value, and we gave out one.
    if position.at.tzinfo is None or _encode(name, position) != cursor or len(position.key) != parts:
        raise ApiError(UNKNOWN_CURSOR)
    return position
