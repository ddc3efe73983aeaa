"""What the venue says of an account, beside what we say of it."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from sqlalchemy import select

from paper.accounts import Account
from paper.fixed import to_decimal
from storage.orders.rows import fill_of, known_order, select_orders
from storage.tables import FillRow, OrderIntent
from tests.integration.paper.administration import administer
from tests.trading_floor import Customer, Floor
from trading.fills import Fill
from trading.ids import Asset, ClientOrderId, Symbol, base_of, quote_of
from trading.ledgers import flow
from trading.money import ZERO, plain
from trading.orders import WORKING, Order
from trading.positions import FLAT, Position, fold
from trading.state import TraderState

Open = dict[ClientOrderId, tuple[Decimal | None, Decimal]]
"""By name, at which price how much is left."""


class Truth:
    """The paper exchange's own accounts, orders and trades, and ours from the database, in the same words."""

    def __init__(self, floor: Floor, customer: Customer) -> None:
        self.customer = customer
        self._floor = floor
        self._opening = self.totals()

    # The venue's side

    @property
    def _account(self) -> Account:
        return self._floor.exchange.venue.state.accounts[self.customer.venue_account]

    def top(self, symbol: Symbol) -> tuple[Decimal, Decimal]:
        """Best bid and ask."""
        book = self._floor.exchange.venue.pits[symbol.replace("/", "")].book
        return to_decimal(book.best_bid or 0), to_decimal(book.best_ask or 0)

    def balances(self) -> dict[Asset, tuple[Decimal, Decimal]]:
        """Free and locked, of what there is."""
        return {
            Asset(asset): (to_decimal(balance.free), to_decimal(balance.locked))
            for asset, balance in self._account.balances.items()
            if balance.free or balance.locked
        }

    def totals(self) -> dict[Asset, Decimal]:
        return {asset: free + locked for asset, (free, locked) in self.balances().items()}

    def open_orders(self) -> Open:
        return {
            ClientOrderId(order.client_id): (
                None if order.limit is None else to_decimal(order.limit),
                to_decimal(order.remaining),
            )
            for order in self._account.open_orders.values()
        }

    # Our side

    @staticmethod
    def known_open(state: TraderState) -> Open:
        return {
            order.client_order_id: (order.price, order.remaining)
            for facts in state.slots.values()
            for order in facts.live
        }

    @staticmethod
    def known_balances(state: TraderState) -> dict[Asset, tuple[Decimal, Decimal]]:
        return {asset: amounts for asset, amounts in state.balances.items() if any(amounts)}

    def by_the_books(self, flows: Mapping[Asset, Decimal]) -> dict[Asset, Decimal]:
        """What the account must hold: what it began with, and what every fill has done to it."""
        after = {asset: self._opening.get(asset, ZERO) + flows.get(asset, ZERO) for asset in {*self._opening, *flows}}
        return {asset: amount for asset, amount in after.items() if amount}

    async def fills(self) -> list[Fill]:
        """As the hypertable has them, in the order of their news."""
        query = select(*FillRow.__table__.columns).where(FillRow.account_id == self.customer.tenant.account)
        async with self._floor.database.transaction() as tx:
            return [fill_of(row) for row in await tx.execute(query.order_by(FillRow.seq))]

    async def orders(self) -> list[Order]:
        query = select_orders(self.customer.tenant.account).order_by(OrderIntent.intended_at, OrderIntent.slot)
        async with self._floor.database.transaction() as tx:
            return [known_order(row).order for row in await tx.execute(query)]

    async def traded(self) -> list[str]:
        """Every order that traded, in the order in which they began to: `B:1 buys 1.0101 at 99`."""
        orders = {order.client_order_id: order for order in await self.orders()}
        names = dict.fromkeys(fill.client_order_id for fill in await self.fills())
        traded = [orders[name] for name in names if name is not None]
        return [_line(order, order.filled, order.quote_filled / order.filled) for order in traded]

    async def standing(self) -> list[str]:
        """Every order that works at the venue."""
        working = [order for order in await self.orders() if order.state in WORKING]
        return sorted(_line(order, order.remaining, order.price) for order in working)

    # Side by side

    async def holds(self, state: TraderState) -> None:
        """Our books equal the venue's: to the last trade, and to the last digit."""
        fills = await self.fills()
        found = await administer(self._floor.exchange, "GET", f"trades?account={self.customer.venue_account}")
        assert [_of_ours(fill) for fill in fills] == [_of_theirs(trade) for trade in found["trades"]]
        flows: Mapping[Asset, Decimal] = {}
        positions: dict[Symbol, Position] = {}
        for fill in fills:
            flows = flow(flows, fill)
            positions[fill.symbol] = fold(positions.get(fill.symbol, FLAT), fill)
        books = state.memory.books
        assert self.by_the_books(flows) == self.totals()
        assert (flows, positions) == (books.flows, books.positions)
        self._positions_hold(positions)
        orders = await self.orders()
        assert {o.client_order_id: (o.price, o.remaining) for o in orders if o.state in WORKING} == self.open_orders()
        placed = await self.customer.requests("POST /api/v3/order")
        assert [request for request in placed if request["status"] != 200] == [], "the venue refused an order"

    def _positions_hold(self, positions: Mapping[Symbol, Position]) -> None:
        """What is held beyond the opening balance is in the positions, and what it cost and earned is what is gone."""
        totals, gone = self.totals(), dict.fromkeys(map(quote_of, positions), ZERO)
        for symbol, position in positions.items():
            base = base_of(symbol)
            assert totals.get(base, ZERO) == self._opening.get(base, ZERO) + position.quantity
            gone[quote_of(symbol)] += position.cost - position.realised
        for quote, amount in gone.items():
            assert totals[quote] == self._opening[quote] - amount


def _line(order: Order, quantity: Decimal, price: Decimal | None) -> str:
    at = "the market" if price is None else plain(price.quantize(Decimal("1E-8")))
    return f"{order.slot} {order.side}s {plain(quantity)} at {at}"


def _of_ours(fill: Fill) -> tuple[object, ...]:
    amounts = (fill.price, fill.quantity, fill.fee)
    return (fill.symbol.replace("/", ""), fill.trade_id, fill.client_order_id, *amounts, fill.fee_asset, fill.maker)


def _of_theirs(trade: Mapping[str, Any]) -> tuple[object, ...]:
    amounts = (Decimal(trade[name]) for name in ("price", "qty", "commission"))
    names = (trade["symbol"], str(trade["id"]), trade["clientOrderId"])
    return (*names, *amounts, trade["commissionAsset"], trade["isMaker"])
