"""The venue itself: judges what is asked of it, and records what happened. Knows no sockets and no clock.

Everything that lasts goes through `record`: it changes the state, then goes to the journal and to whoever watches. The
books are not recorded; they are what the open orders add up to, and the synthetic market lays its own anew.
"""

from collections.abc import Callable

import msgspec

from paper import filters
from paper.accounts import Account
from paper.errors import (
    BAD_RELATION,
    DUPLICATE_ORDER,
    INSUFFICIENT_BALANCE,
    INVALID_SYMBOL,
    MARKET_CLOSED,
    NO_SUCH_ORDER,
    RESTRICTED,
    UNKNOWN_ORDER,
    WOULD_TAKE,
    WOULD_TRIGGER,
    Refused,
    rejected,
)
from paper.execution import Execution, quantity_for
from paper.facts import AccountOpened, Fact, FundsMoved, ListAccepted, MinuteClosed, OrderAccepted
from paper.filters import NewOrder
from paper.matching import Resting
from paper.orders import CONDITIONAL, Order, OrderList, OrderType, Status
from paper.pits import Pit
from paper.state import State
from paper.triggers import Triggers

Watcher = Callable[[Fact], None]


class Which(msgspec.Struct, frozen=True):
    """Which order is meant: by its number, or by its name, or by both."""

    symbol: str
    order_id: int | None
    client_id: str = ""


class Venue:
    """Accounts, orders and markets, behind the commands that clients and operators have.

    A command either raises `Refused` and has changed nothing, or has happened when it returns. What it did is durable
    only once the journal says so.
    """

    def __init__(self, state: State, watcher: Watcher) -> None:
        self.state = state
        self.pits = {symbol: Pit(market, state.minutes[symbol]) for symbol, market in state.markets.items()}
        self.execution = Execution(state, self.pits, self.record)
        self._watcher = watcher

    def record(self, fact: Fact) -> None:
        self.state.apply(fact)
        self._watcher(fact)

    def restore(self) -> None:
        """Put every open order of a recovered state back where it stood, oldest first."""
        waiting = sorted((o for o in self.state.orders.values() if o.is_open), key=lambda o: (o.working_at, o.id))
        for order in waiting:
            pit = self.pits[order.symbol]
            if order.working_at:
                pit.book.rest(Resting(order.id, order.buy, order.price, order.remaining))
            else:
                pit.triggers.add(order)

    def pit(self, symbol: str) -> Pit:
        pit = self.pits.get(symbol)
        if pit is None:
            raise Refused(-1121, INVALID_SYMBOL)
        return pit

    # Accounts

    def open_account(self, account: str, *, discount: bool, now: int) -> Account:
        self.record(AccountOpened(account=account, uid=1000 + len(self.state.accounts), at=now, discount=discount))
        return self.state.accounts[account]

    def move_funds(self, account: Account, asset: str, amount: int, now: int) -> FundsMoved:
        if amount < 0 and account.free(asset) < -amount:
            raise rejected(INSUFFICIENT_BALANCE)
        moved = FundsMoved(id=len(self.state.transfers) + 1, account=account.id, asset=asset, amount=amount, at=now)
        self.record(moved)
        return moved

    # Orders

    def roll(self, pit: Pit, now: int) -> None:
        """Close the minutes that are over in that market."""
        for minute in pit.tape.roll(pit.time(now)):
            self.record(MinuteClosed(symbol=pit.market.symbol, candle=minute))

    def check(self, new: NewOrder) -> Pit:
        """What the market's rules have against an order, whoever sends it."""
        pit = self.pit(new.symbol)
        filters.check(pit.market, new, pit.tape.average_price())
        if pit.halted:
            raise rejected(MARKET_CLOSED)
        return pit

    def place(self, account: Account, new: NewOrder, now: int) -> Order:
        pit = self.check(new)
        self._check_account(account, new)
        last_price = self.state.last_price[new.symbol]
        if new.type in CONDITIONAL and new.stop_price and Triggers.met(new.type, new.buy, new.stop_price, last_price):
            raise rejected(WOULD_TRIGGER)
        if new.type is OrderType.LIMIT_MAKER and pit.book.available(new.buy, new.price):
            raise rejected(WOULD_TAKE)
        if new.quote_quantity:
            new.quantity = quantity_for(pit, new.buy, new.quote_quantity)
            if not new.quantity:
                raise rejected("Order book liquidity is less than symbol minimum quantity.")
        order = self._draft(account, new, self.state.next_order_id, now)
        order.locked = self.execution.funds_for(order, pit.book)
        self._check_funds(account, order, order.locked)
        self.record(OrderAccepted(order))
        self._start(pit, order, now)
        self.execution.settle(pit, now)
        return order

    def place_oco(self, account: Account, name: str, above: NewOrder, below: NewOrder, now: int) -> OrderList:
        """Two orders of which one cancels the other. What the dearer of them needs is set aside, once."""
        pit = self.check(above)
        self.check(below)
        self._check_account(account, above, more=1)
        self._check_account(account, below)
        if name and any(o.client_id == name and self.state.is_executing(o) for o in account.lists.values()):
            raise rejected(DUPLICATE_ORDER)
        last_price = self.state.last_price[above.symbol]
        if not (_stands(above, last_price, above=True) and _stands(below, last_price, above=False)):
            raise rejected(BAD_RELATION)
        contingent, other = (below, above) if below.type in CONDITIONAL else (above, below)
        if other.type is OrderType.LIMIT_MAKER and pit.book.available(other.buy, other.price):
            raise rejected(WOULD_TAKE)
        list_id, first_id = len(self.state.lists), self.state.next_order_id
        first = self._draft(account, contingent, first_id, now, list_id)
        second = self._draft(account, other, first_id + 1, now, list_id)
        second.locked = self.execution.funds_for(second, pit.book)
        first.locked = max(0, self.execution.funds_for(first, pit.book) - second.locked)
        self._check_funds(account, first, first.locked + second.locked)
        order_list = OrderList(
            id=list_id,
            account=account.id,
            symbol=above.symbol,
            client_id=name or _name(account, "l", list_id),
            orders=(first.id, second.id),
            placed_at=now,
        )
        self.record(ListAccepted(order_list, (first, second)))
        for order in (first, second):
            self._start(pit, order, now)
        self.execution.settle(pit, now)
        return order_list

    def find(self, account: Account, which: Which) -> Order | None:
        self.pit(which.symbol)
        if which.order_id is not None:
            order = account.orders.get(which.order_id)
        else:
            order = account.by_client_id.get((which.symbol, which.client_id))
        if order is None or order.symbol != which.symbol:
            return None
        if which.client_id not in {"", order.client_id}:
            raise Refused(-2039, "Client order ID is not correct for this order ID.")
        return order

    def query(self, account: Account, which: Which) -> Order:
        order = self.find(account, which)
        if order is None:
            raise Refused(-2013, NO_SUCH_ORDER)
        return order

    def cancel(
        self, account: Account, which: Which, now: int, *, cancel_id: str = "", only: Status | None = None
    ) -> Order:
        """End an order; with one leg of a list, all of it. `only` if it is still in that status."""
        order = self.find(account, which)
        if order is None or not order.is_open:
            raise Refused(-2011, UNKNOWN_ORDER)
        if only is not None and order.status is not only:
            raise Refused(-2011, RESTRICTED)
        cancel_id = cancel_id or _name(account, "c", order.id)
        order_list = self.state.lists.get(order.list_id)
        legs = order_list.orders if order_list is not None else (order.id,)
        for leg_id in legs:
            leg = self.state.orders[leg_id]
            if leg.is_open:
                self.execution.end(leg, Status.CANCELED, now, cancel_id=cancel_id)
        return order

    # Inside

    def _start(self, pit: Pit, order: Order, now: int) -> None:
        if order.type in CONDITIONAL:
            pit.triggers.add(order)
        else:
            self.execution.enter(order, now)

    def _check_account(self, account: Account, new: NewOrder, *, more: int = 0) -> None:
        market = self.state.markets[new.symbol]
        if new.type in CONDITIONAL or len(account.open_orders) + more >= market.orders_max:
            same_market = [order for order in account.open_orders.values() if order.symbol == new.symbol]
            waiting = sum(not order.working_at for order in same_market)
            filters.check_count(market, new, len(same_market) + more, waiting)
        namesake = account.by_client_id.get((new.symbol, new.client_id))
        if namesake is not None and namesake.is_open:
            raise rejected(DUPLICATE_ORDER)

    def _check_funds(self, account: Account, order: Order, needed: int) -> None:
        if account.free(self.state.spends(order)) < needed:
            raise rejected(INSUFFICIENT_BALANCE)

    def _draft(self, account: Account, new: NewOrder, order_id: int, now: int, list_id: int = -1) -> Order:
        return Order(
            id=order_id,
            account=account.id,
            symbol=new.symbol,
            client_id=new.client_id or _name(account, "o", order_id),
            buy=new.buy,
            type=new.type,
            time_in_force=new.time_in_force,
            quantity=new.quantity,
            quote_quantity=new.quote_quantity,
            price=new.price,
            stop_price=new.stop_price,
            trailing_delta=new.trailing_delta,
            list_id=list_id,
            placed_at=now,
            extreme=self.state.last_price[new.symbol] if new.trailing_delta and not new.stop_price else 0,
        )


def _stands(new: NewOrder, last_price: int, *, above: bool) -> bool:
    """Whether a leg of a list is on its side of the last price. One that only trails is wherever the price is."""
    level = new.price if new.type in {OrderType.LIMIT_MAKER, OrderType.TAKE_PROFIT_LIMIT} else new.stop_price
    return not level or (level > last_price if above else level < last_price)


def _name(account: Account, kind: str, number: int) -> str:
    """A client id for who gave none: unlike any other of the account's."""
    return f"auto-{account.uid}-{kind}{number}"
