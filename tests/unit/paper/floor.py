"""A venue to trade on in a test: amounts as text, time that moves by itself, and a record of all that happened."""

from collections import defaultdict

import msgspec

from paper.accounts import Account
from paper.errors import Refused
from paper.facts import Fact
from paper.filters import NewOrder
from paper.fixed import text, units
from paper.markets import Market, market
from paper.orders import PRICELESS, Order, OrderList, OrderType, Status, TimeInForce
from paper.state import State
from paper.venue import Venue, Which

MARKETS = (
    market("ABC", "USDT", start="100", tick="0.01", step="0.001"),
    market("BNB", "USDT", start="500", tick="0.01", step="0.001"),
)


class Floor:
    def __init__(self, markets: tuple[Market, ...] = MARKETS) -> None:
        self.markets = markets
        self.facts: list[Fact] = []
        self._lines: list[bytes] = []
        self.state = State(markets)
        self.venue = Venue(self.state, self._watch)
        self.now = 1_000_000

    def _watch(self, fact: Fact) -> None:
        self.facts.append(fact)
        self._lines.append(msgspec.json.encode(fact))

    def open(self, name: str, *, discount: bool = False, **balances: str) -> Account:
        account = self.venue.open_account(name, discount=discount, now=self.tick())
        for asset, amount in balances.items():
            self.venue.move_funds(account, asset, units(amount), self.now)
        return account

    def tick(self) -> int:
        self.now += 1000
        return self.now

    def order(
        self, side: str, kind: str, quantity: str = "0", price: str = "0", stop: str = "0", **more: str
    ) -> NewOrder:
        return NewOrder(
            symbol=more.get("symbol", "ABCUSDT"),
            buy=side == "BUY",
            type=OrderType(kind),
            quantity=units(quantity),
            price=units(price),
            stop_price=units(stop),
            quote_quantity=units(more.get("quote", "0")),
            trailing_delta=int(more.get("trailing", "0")),
            time_in_force=TimeInForce(more.get("tif", "GTC")),
            client_id=more.get("name", ""),
        )

    def place(
        self,
        account: Account,
        side: str,
        kind: str,
        quantity: str = "0",
        price: str = "0",
        stop: str = "0",
        **more: str,
    ) -> Order:
        return self.venue.place(account, self.order(side, kind, quantity, price, stop, **more), self.tick())

    def oco(self, account: Account, above: NewOrder, below: NewOrder) -> OrderList:
        return self.venue.place_oco(account, "", above, below, self.tick())

    def cancel(self, account: Account, order: Order) -> Order:
        return self.venue.cancel(account, Which(order.symbol, order.id), self.tick())

    def trade_at(self, price: str) -> None:
        """Make the market's last price this one, without touching anybody's order."""
        execution, symbol, tiny = self.venue.execution, "ABCUSDT", units("0.001")
        resting = execution.rest_house(symbol, False, units(price), tiny, self.tick())
        assert resting is not None, "somebody's order was in the way"
        execution.take_house(symbol, True, units(price), tiny, self.now)
        execution.settle(self.venue.pits[symbol], self.now)

    def holds(self, account: Account, asset: str) -> tuple[str, str]:
        """Free and locked, as short as they can be written."""
        balance = account.balance(asset)
        return short(balance.free), short(balance.locked)

    def refusal(self, account: Account, new: NewOrder) -> tuple[int, str]:
        before = len(self.facts)
        try:
            self.venue.place(account, new, self.tick())
        except Refused as refusal:
            assert len(self.facts) == before, "a refused order left something behind"
            return refusal.code, refusal.message
        raise AssertionError("it was accepted")

    def check_conservation(self) -> None:
        sums: dict[str, int] = defaultdict(int)
        for account in self.state.accounts.values():
            for asset, balance in account.balances.items():
                assert balance.free >= 0, (account.id, asset, balance.free)
                sums[asset] += balance.free + balance.locked
                locked = sum(
                    order.locked for order in account.open_orders.values() if self.state.spends(order) == asset
                )
                assert balance.locked == locked, (account.id, asset, balance.locked, locked)
        for moved in self.state.transfers:
            sums[moved.asset] -= moved.amount
        for asset in sums.keys() | self.state.fees.keys() | self.state.house.keys():
            assert sums[asset] + self.state.fees[asset] + self.state.house[asset] == 0, asset
        for order in self.state.orders.values():
            assert 0 <= order.filled <= order.quantity
            assert order.is_open == (order.id in self.state.accounts[order.account].open_orders)
            if order.status is Status.FILLED:
                assert order.filled == order.quantity
            if order.type not in PRICELESS:
                for trade in self.state.accounts[order.account].trades_of.get(order.id, ()):
                    assert trade.price <= order.price if order.buy else trade.price >= order.price

    def check_replay(self) -> None:
        """What the journal would hold gives the same state, and the same books, again."""
        again = State(self.markets)
        for line in self._lines:
            again.apply(msgspec.json.decode(line, type=Fact))
        assert again.orders == self.state.orders
        assert again.lists == self.state.lists
        assert {name: _held(account) for name, account in again.accounts.items()} == {
            name: _held(account) for name, account in self.state.accounts.items()
        }
        venue = Venue(again, lambda fact: None)
        venue.restore()
        for symbol, pit in self.venue.pits.items():
            theirs = [order for order in pit.book.orders.values() if order.id > 0]
            mine = venue.pits[symbol].book.orders
            assert {o.id: o.quantity for o in theirs} == {o.id: o.quantity for o in mine.values()}
            assert len(venue.pits[symbol].triggers) == len(pit.triggers)


def short(amount: int) -> str:
    return text(amount).rstrip("0").rstrip(".")


def _held(account: Account) -> object:
    balances = {asset: (b.free, b.locked) for asset, b in account.balances.items()}
    return balances, account.trades, list(account.open_orders), account.updated_at
