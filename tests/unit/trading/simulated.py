"""A venue with its gateway, small enough to reason about, and as unreliable as it is told to be. Pure and in memory.

Binance's ways: a buy's fee is taken from what was bought, a sale's from what it brought. Everything that the trader
hears waits in `post` until it is delivered, so a test can shuffle, repeat and lose it.
"""

from collections import deque
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any

import msgspec

from trading.decide import begin, decide
from trading.events import (
    Assignment,
    BalancesChanged,
    CancelOrders,
    Checkpoint,
    Control,
    Decision,
    Event,
    OrderChanged,
    OutcomesArrived,
    QuoteChanged,
    Record,
    RequestResync,
    Resynced,
    SaveCheckpoint,
    Snapshot,
    SubmitOrders,
    TimePassed,
)
from trading.fills import Fill
from trading.ids import AccountId, Asset, ClientOrderId, Epoch, RunId, Symbol, TradeId, UserId, VenueName, VenueOrderId
from trading.instruments import Instrument
from trading.market import Quote
from trading.orders import (
    TERMINAL,
    WORKING,
    Accepted,
    ApprovedOrder,
    Order,
    OrderKind,
    OrderState,
    Outcome,
    Refused,
    Side,
    Unknown,
)
from trading.state import TraderState
from trading.strategies import BUILT_IN
from trading.strategies.contract import Strategy

T0 = datetime(2026, 3, 1, 12, tzinfo=UTC)
BTC = Symbol("BTC/USDT")
ETH = Symbol("ETH/USDT")


def D(text: str | int) -> Decimal:
    return Decimal(text)


def instrument(symbol: Symbol = BTC, **changes: Any) -> Instrument:
    base, _, quote = symbol.partition("/")
    rules = {
        "price_tick": D("0.01"),
        "lot_step": D("0.00001"),
        "quantity_min": D("0.00001"),
        "notional_min": D(5),
        "maker_fee": D("0.001"),
        "taker_fee": D("0.001"),
    }
    return Instrument(symbol=symbol, base=Asset(base), quote=Asset(quote), **(rules | changes))


def quote(bid: str, ask: str | None = None, *, symbol: Symbol = BTC, at: datetime = T0) -> Quote:
    low, high = D(bid), D(ask if ask is not None else bid)
    return Quote(symbol=symbol, bid=low, ask=high, last=low, at=at, received_at=at, version=1)


class Fate(StrEnum):
    """What becomes of an order on its way to the venue."""

    TAKEN = "taken"
    REFUSED = "refused"
    ANSWER_LOST = "answer_lost"
    NEVER_ARRIVED = "never_arrived"


class Venue:
    """Venue and gateway as one: orders, balances, numbered news, and what the trader asked to be remembered."""

    def __init__(self, balances: Mapping[str, str], instruments: Mapping[Symbol, Instrument] | None = None) -> None:
        self.instruments = dict(instruments or {BTC: instrument()})
        self.free = {Asset(asset): D(amount) for asset, amount in balances.items()}
        self.locked: dict[Asset, Decimal] = {}
        self.orders: dict[ClientOrderId, Order] = {}
        self.at_venue: set[ClientOrderId] = set()
        self.fills: list[tuple[int, Fill]] = []
        self.quotes: dict[Symbol, Quote] = {}
        self.seq = 0
        self.checkpoint: Checkpoint | None = None
        self.control = Control.ACTIVE
        self.post: deque[Event] = deque()
        self.fates: deque[Fate] = deque()
        self.now = T0
        self.slice: Decimal | None = None
        """The most that one match trades, to make partial fills."""

    # What the trader does

    def submit(self, orders: tuple[ApprovedOrder, ...]) -> None:
        self.post.append(OutcomesArrived(tuple(self._send(order) for order in orders)))

    def cancel(self, coid: ClientOrderId) -> None:
        order = self.orders[coid]
        if coid in self.at_venue and order.state in WORKING:
            self._end(order, OrderState.CANCELLED)

    def save(self, checkpoint: Checkpoint) -> None:
        assert self.checkpoint is None or checkpoint.version > self.checkpoint.version
        # What is kept is JSON: it must survive the way there and back.
        self.checkpoint = msgspec.json.decode(msgspec.json.encode(checkpoint), type=Checkpoint)

    # What the world does

    def move(self, bid: Decimal, ask: Decimal, symbol: Symbol = BTC) -> None:
        self.quotes[symbol] = Quote(
            symbol=symbol, bid=bid, ask=ask, last=bid, at=self.now, received_at=self.now, version=1
        )
        self.post.append(QuoteChanged(self.quotes[symbol]))
        self.match()

    def match(self) -> None:
        for coid in list(self.at_venue):
            order = self.orders[coid]
            market = self.quotes.get(order.symbol)
            if market is None or order.state in TERMINAL:
                continue
            buys = order.side is Side.BUY
            touch = market.ask if buys else market.bid
            if order.price is not None and (touch > order.price if buys else touch < order.price):
                continue
            quantity = order.remaining if self.slice is None else min(order.remaining, self.slice)
            self._fill(coid, quantity, order.price if order.price is not None else touch)

    def settle(self) -> None:
        """Find out about every order whose fate is open: at the venue, or proven never to have been."""
        for coid, order in self.orders.items():
            if order.state in (OrderState.UNKNOWN, OrderState.INTENDED):
                if coid in self.at_venue:
                    self._news(coid, state=OrderState.OPEN)
                else:
                    self._news(coid, state=OrderState.EXPIRED, reason="never arrived")
        self.match()

    def repeat_newest(self) -> None:
        """Say something again under a new number, so that whoever missed news learns of it."""
        if self.orders:
            self._news(next(reversed(self.orders)))

    def snapshot(self) -> Snapshot:
        since = self.checkpoint.seq if self.checkpoint is not None else 0
        newest: dict[str, int] = {}
        for order in self.orders.values():
            newest[order.slot] = max(newest.get(order.slot, 0), order.cycle)
        fills = tuple(fill for seq, fill in self.fills if seq > since)
        named = {fill.client_order_id for fill in fills}
        return Snapshot(
            seq=self.seq,
            checkpoint=self.checkpoint,
            orders=tuple(
                order
                for order in self.orders.values()
                if order.state not in TERMINAL or order.cycle == newest[order.slot] or order.client_order_id in named
            ),
            fills=fills,
            balances=self.balances(),
            instruments=self.instruments,
            control=self.control,
        )

    def balances(self) -> dict[Asset, tuple[Decimal, Decimal]]:
        return {asset: (self.free.get(asset, D(0)), self.locked.get(asset, D(0))) for asset in self.free | self.locked}

    def total(self, asset: str) -> Decimal:
        return sum(self.balances().get(Asset(asset), ()), D(0))

    # Within

    def _send(self, order: ApprovedOrder) -> Outcome:
        coid = order.client_order_id
        assert coid not in self.orders, f"{order.slot} was sent twice under one name"
        rules = self.instruments[order.symbol]
        worth = order.price if order.price is not None else self.quotes[order.symbol].ask
        assert order.quantity % rules.lot_step == 0
        assert order.quantity >= rules.quantity_min
        assert order.quantity * worth >= rules.notional_min
        assert order.price is None or order.price % rules.price_tick == 0
        fields = {name: getattr(order, name) for name in order.__struct_fields__ if name != "reason"}
        self.orders[coid] = Order(**fields, state=OrderState.INTENDED, created_at=self.now, updated_at=self.now)
        fate = self.fates.popleft() if self.fates else Fate.TAKEN
        asset = rules.quote if order.side is Side.BUY else rules.base
        needed = order.quantity * worth if order.side is Side.BUY else order.quantity
        if fate is Fate.REFUSED or (fate is not Fate.NEVER_ARRIVED and self.free.get(asset, D(0)) < needed):
            self._news(coid, state=OrderState.REJECTED, reason="no")
            return Refused(client_order_id=coid, code="-2010", reason="no")
        if fate is Fate.NEVER_ARRIVED:
            self.orders[coid] = msgspec.structs.replace(self.orders[coid], state=OrderState.UNKNOWN)
            return Unknown(client_order_id=coid, reason="time-out")
        self.free[asset] -= needed
        self.locked[asset] = self.locked.get(asset, D(0)) + needed
        self.at_venue.add(coid)
        if fate is Fate.ANSWER_LOST:
            self.orders[coid] = msgspec.structs.replace(self.orders[coid], state=OrderState.UNKNOWN)
            return Unknown(client_order_id=coid, reason="time-out")
        self._news(coid, state=OrderState.OPEN)
        self._tell_balances(asset)
        self.match()
        return Accepted(client_order_id=coid, venue_order_id=VenueOrderId(coid[-6:]))

    def _fill(self, coid: ClientOrderId, quantity: Decimal, price: Decimal) -> None:
        order = self.orders[coid]
        rules = self.instruments[order.symbol]
        buys = order.side is Side.BUY
        fee_asset, fee = (
            (rules.base, quantity * rules.taker_fee) if buys else (rules.quote, quantity * price * rules.taker_fee)
        )
        worth = order.price if order.price is not None else price
        if buys:
            self.locked[rules.quote] -= quantity * worth
            self.free[rules.quote] += quantity * (worth - price)
            self.free[rules.base] = self.free.get(rules.base, D(0)) + quantity - fee
        else:
            self.locked[rules.base] -= quantity
            self.free[rules.quote] = self.free.get(rules.quote, D(0)) + quantity * price - fee
        fill = Fill(
            symbol=order.symbol,
            trade_id=TradeId(str(len(self.fills) + 1)),
            venue_order_id=VenueOrderId(coid[-6:]),
            client_order_id=coid,
            side=order.side,
            price=price,
            quantity=quantity,
            fee=fee,
            fee_asset=fee_asset,
            maker=order.kind is OrderKind.LIMIT,
            at=self.now,
        )
        self._news(
            coid,
            fill=fill,
            filled=order.filled + quantity,
            quote_filled=order.quote_filled + quantity * price,
            state=OrderState.FILLED if order.filled + quantity == order.quantity else OrderState.PARTIALLY_FILLED,
        )
        self._tell_balances(rules.base, rules.quote)

    def _end(self, order: Order, state: OrderState) -> None:
        rules = self.instruments[order.symbol]
        buys = order.side is Side.BUY
        asset = rules.quote if buys else rules.base
        back = order.remaining * (order.price or D(0)) if buys else order.remaining
        self.locked[asset] -= back
        self.free[asset] += back
        self._news(order.client_order_id, state=state)
        self._tell_balances(asset)

    def _news(self, coid: ClientOrderId, fill: Fill | None = None, **changes: Any) -> None:
        self.seq += 1
        self.orders[coid] = msgspec.structs.replace(
            self.orders[coid], updated_at=self.now, venue_order_id=VenueOrderId(coid[-6:]), **changes
        )
        if fill is not None:
            self.fills.append((self.seq, fill))
        self.post.append(OrderChanged(seq=self.seq, order=self.orders[coid], fill=fill))

    def _tell_balances(self, *assets: Asset) -> None:
        mine = self.balances()
        self.post.append(BalancesChanged({asset: mine[asset] for asset in assets}))


class Trader:
    """A trader on that venue: decides, and performs what it decided at once."""

    def __init__(
        self,
        venue: Venue,
        strategy: str,
        params: Mapping[str, Any],
        *,
        limits: Mapping[str, Any] | None = None,
        strategies: Mapping[str, Strategy] = BUILT_IN,
        watch: Callable[[TraderState], None] = lambda _state: None,
    ) -> None:
        self.venue = venue
        self.strategies = strategies
        self.assignment = Assignment(
            account=AccountId("acc_1"),
            user=UserId("usr_1"),
            venue=VenueName("paper"),
            run=RunId("run_1"),
            strategy=strategy,
            params=params,
            epoch=Epoch(1),
            limits=limits or {},
        )
        self.watch = watch
        self.records: list[Record] = []
        self.others: list[Decision] = []
        self.state = begin(self.assignment, strategies)
        self.hear(Resynced(venue.snapshot()))

    def crash(self) -> None:
        """Forget all that was not saved, and recover."""
        self.venue.post.clear()
        self.state = begin(self.assignment, self.strategies)
        for market in self.venue.quotes.values():
            self.hear(QuoteChanged(market))
        self.hear(Resynced(self.venue.snapshot()))

    def hear(self, event: Event) -> tuple[Decision, ...]:
        state, decisions = decide(self.state, event, self.venue.now)
        again, same = decide(self.state, event, self.venue.now)
        assert (msgspec.to_builtins(again.memory), same) == (msgspec.to_builtins(state.memory), decisions)
        self.state = state
        self.watch(state)
        unknown = {order.symbol for order in state.orders.values() if order.state is OrderState.UNKNOWN}
        for decision in decisions:
            if isinstance(decision, SubmitOrders):
                assert unknown.isdisjoint(order.symbol for order in decision.orders), (
                    "an unknown order freezes its symbol"
                )
            self._perform(decision)
        if state.synced:
            unchanged, nothing = decide(state, TimePassed(), self.venue.now)
            assert nothing == (), f"decided again on the same facts: {nothing}"
            assert unchanged == state
        return decisions

    def deliver(self) -> None:
        """Let it hear all that waits, and all that follows from it."""
        while self.venue.post:
            self.hear(self.venue.post.popleft())

    def see(self, bid: str, ask: str | None = None, symbol: Symbol = BTC) -> None:
        self.venue.move(D(bid), D(ask if ask is not None else bid), symbol)
        self.deliver()

    def wait(self, seconds: float) -> None:
        self.venue.now += timedelta(seconds=seconds)
        for symbol, market in self.venue.quotes.items():
            self.venue.move(market.bid, market.ask, symbol)
        self.venue.post.append(TimePassed())
        self.deliver()

    def open_orders(self) -> list[tuple[str, str, str | None]]:
        """What works at the venue: slot, quantity left, price."""
        return sorted(
            (order.slot, str(order.remaining.normalize()), None if order.price is None else str(order.price))
            for order in self.venue.orders.values()
            if order.state in WORKING
        )

    def _perform(self, decision: Decision) -> None:
        match decision:
            case SubmitOrders(orders=orders, checkpoint=checkpoint):
                self.venue.save(checkpoint)
                self.venue.submit(orders)
            case SaveCheckpoint(checkpoint):
                self.venue.save(checkpoint)
            case CancelOrders(orders):
                for _symbol, coid in orders:
                    self.venue.cancel(coid)
            case RequestResync():
                self.venue.post.append(Resynced(self.venue.snapshot()))
            case Record():
                self.records.append(decision)
            case _:
                self.others.append(decision)
