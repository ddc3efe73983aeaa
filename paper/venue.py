"""The venue itself: judges what is asked of it, matches, and records what happened. Knows no sockets and no clock.

Everything that lasts goes through `record`: it changes the state, then goes to the journal and to whoever watches. The
books are not recorded; they are what the open orders add up to, and the synthetic market lays its own anew.
"""

from collections import deque
from collections.abc import Callable
from hashlib import sha256

import msgspec

from paper import filters
from paper.accounts import Account
from paper.candles import Candle
from paper.errors import (
    DUPLICATE_ORDER,
    INSUFFICIENT_BALANCE,
    INVALID_SYMBOL,
    MARKET_CLOSED,
    NO_SUCH_ORDER,
    UNKNOWN_ORDER,
    WOULD_TAKE,
    WOULD_TRIGGER,
    Refused,
    rejected,
)
from paper.facts import AccountOpened, Fact, FundsMoved, OrderAccepted, OrderEnded, OrderTriggered, Traded
from paper.fees import Fees
from paper.filters import NewOrder
from paper.fixed import ONE, product
from paper.markets import Market
from paper.matching import Book, Resting
from paper.orders import CONDITIONAL, PRICELESS, Order, OrderType, Status, TimeInForce
from paper.state import State
from paper.tape import Tape
from paper.triggers import Triggers

Watcher = Callable[[Fact], None]


class Which(msgspec.Struct, frozen=True):
    """Which order is meant: by its number, or by its name, or by both."""

    symbol: str
    order_id: int | None
    client_id: str = ""


class Trading:
    """One market as it trades: its book, its waiting conditional orders and its tape."""

    def __init__(self, market: Market, history: deque[Candle]) -> None:
        self.market = market
        self.book = Book()
        self.triggers = Triggers()
        self.tape = Tape(market, history)
        self.halted = False
        self.diffs: list[set[tuple[bool, int]]] = []
        """Where changes of the book are collected, one set for each who publishes them at a pace of its own."""
        self._update_id = 0

    @property
    def update_id(self) -> int:
        """The book's version: every change of a level is one. Looking collects what has changed since."""
        changed = self.book.changed
        if changed:
            self._update_id += len(changed)
            for diff in self.diffs:
                diff.update(changed)
            changed.clear()
        return self._update_id


class Venue:
    """Accounts, orders and markets, behind the commands that clients and operators have.

    A command either raises `Refused` and has changed nothing, or has happened when it returns. What it did is durable
    only once the journal says so.
    """

    def __init__(self, state: State, watcher: Watcher) -> None:
        self.state = state
        self.markets = {symbol: Trading(market, state.minutes[symbol]) for symbol, market in state.markets.items()}
        self._watcher = watcher
        self._fees = Fees(state)
        self._house_orders = 0

    def record(self, fact: Fact) -> None:
        self.state.apply(fact)
        self._watcher(fact)

    def restore(self) -> None:
        """Put every open order of a recovered state back where it stood, oldest first."""
        waiting = sorted((o for o in self.state.orders.values() if o.is_open), key=lambda o: (o.working_at, o.id))
        for order in waiting:
            trading = self.markets[order.symbol]
            if order.working_at:
                trading.book.rest(Resting(order.id, order.buy, order.price, order.remaining))
            else:
                trading.triggers.add(order, self.state.last_price[order.symbol])

    def trading(self, symbol: str) -> Trading:
        trading = self.markets.get(symbol)
        if trading is None:
            raise Refused(-1121, INVALID_SYMBOL)
        return trading

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

    def check(self, account: Account, new: NewOrder) -> Trading:
        """Everything that can be said against an order before its funds are looked at."""
        trading = self.trading(new.symbol)
        if trading.halted:
            raise rejected(MARKET_CLOSED)
        filters.check(trading.market, new, trading.tape.average_price())
        same_market = [order for order in account.open_orders.values() if order.symbol == new.symbol]
        filters.check_count(trading.market, new, len(same_market), sum(not order.working_at for order in same_market))
        if new.client_id:
            namesake = account.by_client_id.get((new.symbol, new.client_id))
            if namesake is not None and namesake.is_open:
                raise rejected(DUPLICATE_ORDER)
        last = self.state.last_price[new.symbol]
        if new.type in CONDITIONAL and new.stop_price and Triggers.fires(new.type, new.buy, new.stop_price, last):
            raise rejected(WOULD_TRIGGER)
        return trading

    def place(self, account: Account, new: NewOrder, now: int, *, list_id: int = -1) -> Order:
        trading = self.check(account, new)
        book = trading.book
        if new.type is OrderType.LIMIT_MAKER and book.available(new.buy, new.price):
            raise rejected(WOULD_TAKE)
        if new.quote_quantity:
            new.quantity = self._quantity_for(trading, new)
        order = Order(
            id=self.state.next_order_id,
            account=account.id,
            symbol=new.symbol,
            client_id=new.client_id or self._name(account),
            buy=new.buy,
            type=new.type,
            time_in_force=new.time_in_force,
            quantity=new.quantity,
            quote_quantity=new.quote_quantity,
            price=new.price,
            stop_price=new.stop_price,
            trailing_delta=new.trailing_delta,
            iceberg=new.iceberg,
            list_id=list_id,
            placed_at=now,
        )
        order.locked = self._funds_for(order, book)
        if account.free(self.state.spends(order)) < order.locked:
            raise rejected(INSUFFICIENT_BALANCE)
        self.record(OrderAccepted(order))
        if new.type in CONDITIONAL:
            trading.triggers.add(order, self.state.last_price[new.symbol])
        else:
            self._enter(trading, order, now)
        self._settle(trading, now)
        return order

    def find(self, account: Account, which: Which) -> Order | None:
        self.trading(which.symbol)
        if which.order_id is not None:
            order = account.orders.get(which.order_id)
        else:
            order = account.by_client_id.get((which.symbol, which.client_id))
        if order is None or order.symbol != which.symbol or which.client_id not in {"", order.client_id}:
            return None
        return order

    def query(self, account: Account, which: Which) -> Order:
        order = self.find(account, which)
        if order is None:
            raise Refused(-2013, NO_SUCH_ORDER)
        return order

    def cancel(self, account: Account, which: Which, now: int, cancel_id: str = "") -> Order:
        order = self.find(account, which)
        if order is None or not order.is_open:
            raise Refused(-2011, UNKNOWN_ORDER)
        self.end(order, Status.CANCELED, now, cancel_id or self._name(account))
        return order

    def end(self, order: Order, status: Status, now: int, cancel_id: str = "") -> None:
        trading = self.markets[order.symbol]
        if order.working_at:
            trading.book.cancel(order.id)
        else:
            trading.triggers.remove(order)
        self.record(OrderEnded(id=order.id, status=status, at=now, cancel_id=cancel_id))

    # The synthetic market's part

    def rest_house(self, symbol: str, buy: bool, price: int, quantity: int, now: int) -> Resting | None:
        """An order of the synthetic market: trades what it meets, and rests with what is left."""
        trading = self.markets[symbol]
        left = self.take_house(symbol, buy, price, quantity, now)
        if not left:
            return None
        self._house_orders -= 1
        order = Resting(self._house_orders, buy, price, left)
        trading.book.rest(order)
        return order

    def take_house(self, symbol: str, buy: bool, limit: int | None, quantity: int, now: int) -> int:
        """The synthetic market trades against the book. Returns what it could not get."""
        trading = self.markets[symbol]
        for maker, amount in trading.book.match(buy, quantity, limit):
            self._trade(trading, None, maker, amount, now)
            quantity -= amount
        return quantity

    def settle(self, symbol: str, now: int) -> None:
        self._settle(self.markets[symbol], now)

    # Inside

    def _enter(self, trading: Trading, order: Order, now: int) -> None:
        book = trading.book
        if order.time_in_force is TimeInForce.FOK and book.available(order.buy, order.limit) < order.quantity:
            self.record(OrderEnded(id=order.id, status=Status.EXPIRED, at=now))
            return
        for maker, amount in book.match(order.buy, order.remaining, order.limit):
            self._trade(trading, order, maker, amount, now)
        if not order.is_open:
            return
        if order.rests:
            book.rest(Resting(order.id, order.buy, order.price, order.remaining))
        else:
            self.record(OrderEnded(id=order.id, status=Status.EXPIRED, at=now))

    def _trade(self, trading: Trading, taker: Order | None, maker: Resting, amount: int, now: int) -> None:
        market = trading.market
        price, buy = maker.price, not maker.buy
        resting = self.state.orders[maker.id] if maker.id > 0 else None
        trade_id = self.state.next_trade_id[market.symbol]
        if taker is None and resting is None:
            self.state.next_trade_id[market.symbol] = trade_id + 1
            self.state.last_price[market.symbol] = price
        else:
            bought, sold = (taker, resting) if buy else (resting, taker)
            buy_fee, buy_fee_asset = self._fees.charge(bought, market, amount, price, maker=not buy)
            sell_fee, sell_fee_asset = self._fees.charge(sold, market, amount, price, maker=buy)
            self.record(
                Traded(
                    symbol=market.symbol,
                    id=trade_id,
                    price=price,
                    quantity=amount,
                    at=now,
                    buyer_maker=not buy,
                    buy_order=bought.id if bought else 0,
                    sell_order=sold.id if sold else 0,
                    buy_fee=buy_fee,
                    buy_fee_asset=buy_fee_asset,
                    sell_fee=sell_fee,
                    sell_fee_asset=sell_fee_asset,
                )
            )
        trading.tape.add(trade_id, price, amount, now, buyer_maker=not buy)

    def _settle(self, trading: Trading, now: int) -> None:
        """Let the last price trigger what waits for it, until nothing more happens."""
        while True:
            order = trading.triggers.next(self.state.last_price[trading.market.symbol])
            if order is None:
                return
            self._trigger(trading, order, now)

    def _trigger(self, trading: Trading, order: Order, now: int) -> None:
        trading.triggers.remove(order)
        account = self.state.accounts[order.account]
        needed = self._funds_for(order, trading.book, triggered=True)
        if account.free(self.state.spends(order)) + order.locked < needed:
            self.record(OrderEnded(id=order.id, status=Status.EXPIRED, at=now))
            return
        self.record(OrderTriggered(id=order.id, at=now, locked=needed))
        self._enter(trading, order, now)

    def _funds_for(self, order: Order, book: Book, *, triggered: bool = False) -> int:
        if not order.buy:
            return order.quantity
        if order.type not in PRICELESS:
            return order.cost_at_limit(order.quantity)
        if order.type is OrderType.MARKET or triggered:
            return book.cost(order.quantity, ONE)
        return 0

    def _quantity_for(self, trading: Trading, new: NewOrder) -> int:
        book, step = trading.book, trading.market.lot_step
        if new.buy:
            return book.affordable(new.quote_quantity, ONE, step)
        quantity, wanted = 0, new.quote_quantity
        for price, available in book.levels(buy=True):
            worth = product(price, available)
            if worth >= wanted:
                return quantity + wanted * ONE // price // step * step
            quantity += available
            wanted -= worth
        return quantity

    def _name(self, account: Account) -> str:
        """A client id for who gave none: unlike any other, and the same in every run of the same seed."""
        seed = f"{account.id}:{self.state.next_order_id}:{len(account.open_orders)}:{account.updated_at}"
        return sha256(seed.encode()).hexdigest()[:22]
