"""Between rows and orders: one select that every reader starts from."""

from datetime import datetime
from typing import Any

from sqlalchemy import Row, Select, select

from storage.orders.news import KnownOrder
from storage.tables import FillRow, OrderIntent, OrderRow
from trading.fills import Fill
from trading.ids import AccountId, Asset, ClientOrderId, RunId, Slot, Symbol, TradeId, VenueOrderId
from trading.orders import Order, OrderKind, OrderState, Purpose, Side


def select_orders(account: AccountId) -> Select[*tuple[Any, ...]]:
    """An account's intents with what became of them. Narrow it, then read each row with `known_order`."""
    return (
        select(
            OrderIntent.client_order_id,
            OrderIntent.run_id,
            OrderIntent.slot,
            OrderIntent.cycle,
            OrderIntent.attempt,
            OrderIntent.symbol,
            OrderIntent.side,
            OrderIntent.kind,
            OrderIntent.quantity,
            OrderIntent.price,
            OrderIntent.purpose,
            OrderIntent.intended_at,
            OrderRow.state,
            OrderRow.filled,
            OrderRow.quote_filled,
            OrderRow.venue_order_id,
            OrderRow.reason,
            OrderRow.updated_at,
            OrderRow.settled_at,
        )
        .join_from(
            OrderIntent,
            OrderRow,
            (OrderRow.account_id == OrderIntent.account_id) & (OrderRow.client_order_id == OrderIntent.client_order_id),
        )
        .where(OrderIntent.account_id == account)
    )


def known_order(row: Row[*tuple[Any, ...]]) -> KnownOrder:
    settled_at: datetime | None = row.settled_at
    order = Order(
        client_order_id=ClientOrderId(row.client_order_id),
        run=RunId(row.run_id),
        slot=Slot(row.slot),
        cycle=row.cycle,
        attempt=row.attempt,
        symbol=Symbol(row.symbol),
        side=Side(row.side),
        kind=OrderKind(row.kind),
        quantity=row.quantity,
        price=row.price,
        purpose=Purpose(row.purpose),
        state=OrderState(row.state),
        filled=row.filled,
        quote_filled=row.quote_filled,
        venue_order_id=row.venue_order_id,
        reason=row.reason,
        created_at=row.intended_at,
        updated_at=row.updated_at,
    )
    return KnownOrder(order=order, settled_at=settled_at)


def fill_of(row: FillRow | Row[*tuple[Any, ...]]) -> Fill:
    return Fill(
        symbol=Symbol(row.symbol),
        trade_id=TradeId(row.trade_id),
        venue_order_id=VenueOrderId(row.venue_order_id),
        client_order_id=None if row.client_order_id is None else ClientOrderId(row.client_order_id),
        side=Side(row.side),
        price=row.price,
        quantity=row.quantity,
        fee=row.fee,
        fee_asset=Asset(row.fee_asset),
        maker=row.maker,
        at=row.at,
    )
