"""What all accounts did: fills, orders, decisions. The filter is the address, so it can be kept and sent on."""

from collections.abc import Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

import msgspec

from api.errors import invalid
from api.pages.visit import Page, Visit
from api.paging import Keyset
from api.paging import Page as ListPage
from storage import reads
from storage.accounts import AccountRecord
from storage.keyset import Position

ROWS = 50


class What(StrEnum):
    FILLS = "fills"
    ORDERS = "orders"
    DECISIONS = "decisions"


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """The filter, as it stands in the address."""

    what: What = What.FILLS
    account: str = ""
    symbol: str = ""
    kind: str = ""
    since: str = ""
    until: str = ""
    cursor: str = ""

    def query(self, **changes: str) -> str:
        values = msgspec.structs.asdict(self) | {"cursor": ""} | changes
        return urlencode({name: value for name, value in values.items() if value})


class Rows(ListPage, frozen=True, kw_only=True):
    items: list[Any]


async def history_page(visit: Visit, asked: Asked) -> Page:
    accounts = await visit.records()
    chosen = await visit.door.find(asked.account) if asked.account else None
    found = await _rows(visit, asked, chosen, accounts)
    return Page(
        name="history",
        context={
            "asked": asked,
            "accounts": accounts,
            "chosen": chosen,
            "rows": found.items,
            "names": {account.id: account.name for account in accounts},
            "older": asked.query(cursor=found.next_cursor) if found.next_cursor else "",
            "tabs": [(what, asked.query(what=what, kind="")) for what in What],
            "csv": _csv(visit, asked, chosen),
        },
    )


async def _rows(visit: Visit, asked: Asked, chosen: AccountRecord | None, accounts: Sequence[AccountRecord]) -> Rows:
    symbol = asked.symbol.strip().upper() or None
    if chosen is None:
        if asked.what is not What.FILLS:
            return Rows(items=[], next_cursor=None)  # these are told by account; the page asks to choose one
        latest = await reads.latest_fills(visit.tx, accounts, ROWS)
        return Rows(items=[fill for fill in latest if symbol in {None, fill.symbol}], next_cursor=None)
    cursor = asked.cursor or None
    match asked.what:
        case What.FILLS:
            keyset = Keyset.read("fills", ROWS, cursor, parts=2)
            fills = await reads.list_fills(
                visit.tx,
                chosen,
                keyset.after,
                ROWS,
                symbol=symbol,
                since=_moment(visit, asked.since, "since"),
                until=_moment(visit, asked.until, "until"),
            )
            return keyset.page(Rows, fills, _same, lambda row: Position(row.at, (row.symbol, row.trade_id)))
        case What.ORDERS:
            keyset = Keyset.read("orders", ROWS, cursor)
            orders = await reads.list_orders(
                visit.tx, chosen, keyset.after, ROWS, symbol=symbol, open_only=asked.kind == "open"
            )
            return keyset.page(Rows, orders, _same, lambda row: Position(row.intended_at, (row.client_order_id,)))
        case What.DECISIONS:
            keyset = Keyset.read("decisions", ROWS, cursor)
            lines = await reads.list_decisions(visit.tx, chosen, keyset.after, ROWS, kind=asked.kind or None)
            return keyset.page(Rows, lines, _same, lambda row: Position(row.at, (row.id,)))


def _same(row: Any) -> Any:
    return row


def _moment(visit: Visit, day: str, name: str) -> datetime | None:
    """Midnight of that day, in the user's zone."""
    if not day:
        return None
    try:
        return datetime.fromisoformat(day[:10]).replace(tzinfo=ZoneInfo(visit.look.zone)).astimezone(UTC)
    except ValueError:
        raise invalid(f"?{name}", "a day looks like 2026-03-01") from None


def _csv(visit: Visit, asked: Asked, chosen: AccountRecord | None) -> str:
    """The same filter as a file; only fills have one."""
    if chosen is None or asked.what is not What.FILLS:
        return ""
    moments = {name: _moment(visit, getattr(asked, name), name) for name in ("since", "until")}
    query = {"symbol": asked.symbol.strip().upper()} | {name: at.isoformat() for name, at in moments.items() if at}
    return f"/api/v1/accounts/{chosen.id}/fills.csv?" + urlencode({name: text for name, text in query.items() if text})
