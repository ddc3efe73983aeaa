"""`/accounts/{id}/orders`, `/fills`, `/decisions`, `/balances`."""

from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import Annotated, Any, TypeVar

import msgspec
from litestar import Controller, get
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, QueryParameter
from litestar.response import Stream
from sqlalchemy.ext.asyncio import AsyncConnection

from api.accounts.service import Accounts
from api.history.export import fills_as_csv
from api.history.schemas import Balance, Balances, Decision, DecisionPage, Fill, FillPage, Order, OrderPage
from api.paging import PAGE_DEFAULT, Cursor, Keyset, Limit
from storage import reads
from storage.database import Database
from storage.keyset import Position
from trading.money import exact, plain

Symbol = Annotated[str | None, QueryParameter(name="symbol", max_length=40, description="For instance BTC/USDT.")]
Since = Annotated[datetime | None, QueryParameter(name="since", description="From this moment on.")]
Until = Annotated[datetime | None, QueryParameter(name="until", description="Before this moment.")]
Kind = Annotated[str | None, QueryParameter(name="kind", max_length=40)]
Shown = TypeVar("Shown", bound=msgspec.Struct)
Tx = NamedDependency[AsyncConnection]
Found = NamedDependency[Accounts]


class HistoryController(Controller):
    path = "/accounts/{account_id:str}"
    tags = ("History",)

    @get("/orders", operation_id="listOrders")
    async def orders(
        self,
        *,
        account_id: FromPath[str],
        accounts: Found,
        tx: Tx,
        symbol: Symbol = None,
        open_only: FromQuery[bool] = False,
        cursor: Cursor = None,
        limit: Limit = PAGE_DEFAULT,
    ) -> OrderPage:
        """Newest first; `open_only` for those that stand, or may stand, at the venue."""
        keyset = Keyset.read("orders", limit, cursor)
        account = await accounts.find(account_id)
        rows = await reads.list_orders(tx, account, keyset.after, limit, symbol=symbol, open_only=open_only)
        return keyset.page(
            OrderPage, rows, partial(shown, Order), lambda row: Position(row.intended_at, (row.client_order_id,))
        )

    @get("/fills", operation_id="listFills")
    async def fills(
        self,
        *,
        account_id: FromPath[str],
        accounts: Found,
        tx: Tx,
        symbol: Symbol = None,
        since: Since = None,
        until: Until = None,
        cursor: Cursor = None,
        limit: Limit = PAGE_DEFAULT,
    ) -> FillPage:
        """Newest first, as the venue recorded them."""
        keyset = Keyset.read("fills", limit, cursor, parts=2)
        account = await accounts.find(account_id)
        rows = await reads.list_fills(tx, account, keyset.after, limit, symbol=symbol, since=since, until=until)
        return keyset.page(
            FillPage, rows, partial(shown, Fill), lambda row: Position(row.at, (row.symbol, row.trade_id))
        )

    @get("/fills.csv", media_type="text/csv", operation_id="exportFills")
    async def export(
        self,
        *,
        account_id: FromPath[str],
        accounts: Found,
        database: NamedDependency[Database],
        symbol: Symbol = None,
        since: Since = None,
        until: Until = None,
    ) -> Stream:
        """All of them as a file for a spreadsheet, newest first. A download that breaks off is cut short visibly."""
        account = await accounts.find(account_id)
        lines = fills_as_csv(database, account, symbol=symbol, since=since, until=until)
        headers = {"Content-Disposition": f'attachment; filename="fills-{account.id}.csv"'}
        return Stream(lines, media_type="text/csv; charset=utf-8", headers=headers)

    @get("/decisions", operation_id="listDecisions")
    async def decisions(
        self,
        *,
        account_id: FromPath[str],
        accounts: Found,
        tx: Tx,
        kind: Kind = None,
        cursor: Cursor = None,
        limit: Limit = PAGE_DEFAULT,
    ) -> DecisionPage:
        """What the trader decided and why, newest first."""
        keyset = Keyset.read("decisions", limit, cursor)
        account = await accounts.find(account_id)
        rows = await reads.list_decisions(tx, account, keyset.after, limit, kind=kind)
        return keyset.page(DecisionPage, rows, partial(shown, Decision), lambda row: Position(row.at, (row.id,)))

    @get("/balances", operation_id="getBalances")
    async def balances(self, account_id: FromPath[str], accounts: Found, tx: Tx) -> Balances:
        found = await reads.read_balances(tx, await accounts.find(account_id))
        items = [balance(asset, amounts) for asset, amounts in sorted((found.balances or {}).items())]
        return Balances(items=items, at=found.balances_at)


def balance(asset: str, amounts: Any) -> Balance:
    free, locked = (exact(amount) for amount in amounts)
    return Balance(asset=asset, free=plain(free), locked=plain(locked), total=plain(free + locked))


def shown(kind: type[Shown], row: msgspec.Struct) -> Shown:
    """A row as the API shows it: the same fields, with amounts written out."""
    values = {name: getattr(row, name) for name in kind.__struct_fields__}
    return kind(**{name: plain(value) if isinstance(value, Decimal) else value for name, value in values.items()})
