"""Pages by key instead of by count: newest first, each page starting after the last row of the one before."""

from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Select, tuple_
from sqlalchemy.orm import InstrumentedAttribute


class Position(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Where a page ended: the time of its last row, and the rest of that row's key."""

    at: datetime
    key: tuple[str, ...]


def newest_first(
    query: Select[*tuple[Any, ...]], columns: tuple[InstrumentedAttribute[Any], ...], after: Position | None, limit: int
) -> Select[*tuple[Any, ...]]:
    """Order by the columns (the time first, then the rest of the key), newest first, from `after` on.

    Asks for one row more than the limit: it says whether there is a next page.
    """
    if after is not None:
        query = query.where(tuple_(*columns) < tuple_(after.at, *after.key))
    return query.order_by(*(column.desc() for column in columns)).limit(limit + 1)
