"""Whatever is wished and whatever happens: never more than wished, and in the end exactly what is wished."""

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.trading.simulated import BTC, T0, D, Fate, Trader, Venue
from trading.events import Command, CommandReceived
from trading.ids import Slot
from trading.orders import TERMINAL, DesiredOrder, OrderKind, OrderState, Purpose, Side
from trading.strategies.contract import Needs, Strategy, View, Wish


class NoParams(msgspec.Struct, frozen=True):
    pass


class NoState(msgspec.Struct, frozen=True):
    pass


def as_told(view: View, state: NoState, _params: NoParams) -> Wish:
    """Wishes what the newest command says, so that a test can wish anything."""
    if not view.commands:
        return Wish((), state)
    newest = max(view.commands, key=lambda command: int(command.id))
    return Wish(tuple(msgspec.convert(newest.detail["orders"], list[DesiredOrder])), state)


PUPPET = Strategy(
    name="puppet",
    about="Does as it is told.",
    params=NoParams,
    state=NoState,
    needs=lambda _params: Needs(symbols=(BTC,)),
    decide=as_told,
)


class World:
    """A puppet, its venue, and all that was ever wished for."""

    def __init__(self) -> None:
        self.venue = Venue({"USDT": "1000000", "BTC": "100"})
        self.trader = Trader(
            self.venue,
            "puppet",
            {},
            strategies={"puppet": PUPPET},
            limits={"orders_per_minute_max": 6000, "price_band_pct": "100", "daily_loss_max_pct": "100"},
        )
        self.trader.see("100", "100.5")
        self.wishes: list[DesiredOrder] = []
        self.most: dict[tuple[Slot, int], Decimal] = {}
        self.commands = 0

    def wish(self, *orders: DesiredOrder) -> None:
        self.wishes = list(orders)
        for order in orders:
            key = order.slot, order.cycle
            self.most[key] = max(order.quantity, self.most.get(key, D(0)))
        self.commands += 1
        self.trader.hear(
            CommandReceived(
                Command(
                    id=str(self.commands),
                    name="wish",
                    detail={"orders": msgspec.to_builtins(orders)},
                    at=self.venue.now,
                    expires_at=T0 + timedelta(days=1000),
                )
            )
        )

    def check(self) -> None:
        for key, most in self.most.items():
            orders = [order for order in self.venue.orders.values() if (order.slot, order.cycle) == key]
            traded = sum((order.filled for order in orders), D(0))
            may_trade = sum(
                (
                    order.remaining
                    for order in orders
                    if order.state not in TERMINAL and order.client_order_id in self.venue.at_venue
                ),
                D(0),
            )
            assert traded + may_trade <= most, f"{key} may trade {traded + may_trade} where {most} was wished"

    def calm_down(self) -> None:
        """From here on everything works, and long enough passes."""
        self.venue.fates.clear()
        self.venue.slice = None
        self.trader.deliver()
        self.venue.repeat_newest()
        self.trader.deliver()
        for _ in range(4):
            self.venue.settle()
            self.trader.deliver()
            self.trader.wait(400)


slots = st.sampled_from([Slot("A"), Slot("B"), Slot("C")])


@st.composite
def wishes(draw: st.DrawFn, cycles: dict[Slot, int] | None = None) -> list[DesiredOrder]:
    chosen = draw(st.lists(slots, unique=True, max_size=3))
    return [
        DesiredOrder(
            slot=slot,
            cycle=draw(st.integers(1, 3)),
            symbol=BTC,
            side=draw(st.sampled_from(Side)),
            kind=draw(st.sampled_from([OrderKind.LIMIT, OrderKind.LIMIT, OrderKind.MARKET])),
            quantity=draw(st.sampled_from([D("0.5"), D("1"), D("1.00001"), D("0.123456789"), D("0.00001")])),
            price=D(draw(st.sampled_from(["95", "99.999", "100.25", "101", "107.003"]))),
            purpose=Purpose.ENTRY,
            reason="told so",
        )
        for slot in chosen
    ]


actions = st.one_of(
    st.tuples(st.just("wish"), wishes()),
    st.tuples(st.just("move"), st.sampled_from(["94", "98", "100", "102", "108"])),
    st.tuples(st.just("slice"), st.sampled_from(["0.1", "0.33333", None])),
    st.tuples(st.just("fate"), st.sampled_from(Fate)),
    st.tuples(st.sampled_from(["deliver", "next", "settle", "crash"]), st.none()),
    st.tuples(st.sampled_from(["lose", "repeat", "swap"]), st.none()),
    st.tuples(st.just("wait"), st.sampled_from([0.5, 3, 40])),
)


def act(world: World, action: str, with_: Any) -> None:
    venue, trader = world.venue, world.trader
    match action:
        case "wish":
            # A strategy's cycles never go back: that is its side of the contract.
            known = {facts.slot: facts.cycle for facts in trader.state.slots.values()}
            newest = {slot: max(cycle for s, cycle in world.most if s == slot) for slot, _ in world.most}
            floor = {slot: max(known.get(slot, 1), newest.get(slot, 1)) for slot in map(Slot, "ABC")}
            orders: list[DesiredOrder] = []
            for order in with_:
                cycle = max(order.cycle, floor[order.slot])
                same = [old for old in venue.orders.values() if (old.slot, old.cycle) == (order.slot, cycle)]
                # Nor does one cycle change its side.
                side = same[0].side if same else order.side
                price = None if order.kind is OrderKind.MARKET else order.price
                orders.append(msgspec.structs.replace(order, cycle=cycle, side=side, price=price))
            world.wish(*orders)
        case "move":
            venue.move(D(with_), D(with_) + D("0.5"))
        case "slice":
            venue.slice = None if with_ is None else D(with_)
        case "fate":
            venue.fates.append(with_)
        case "deliver":
            trader.deliver()
        case "next" if venue.post:
            trader.hear(venue.post.popleft())
        case "lose" if venue.post:
            lost = venue.post.popleft()
            if type(lost).__name__ == "OutcomesArrived":  # the actor always answers itself
                venue.post.appendleft(lost)
        case "repeat" if venue.post:
            venue.post.append(venue.post[0])
        case "swap" if len(venue.post) > 1:
            venue.post.rotate(1)
        case "settle":
            venue.settle()
        case "crash":
            trader.crash()
        case "wait":
            trader.wait(with_)


@settings(max_examples=400, deadline=None)
@given(st.lists(actions, max_size=25))
def test_never_more_than_wished_and_in_the_end_exactly_that(script: Sequence[tuple[str, Any]]) -> None:
    world = World()
    for action, with_ in script:
        act(world, action, with_)
        world.check()
    world.calm_down()
    world.check()
    working = {order.slot: order for order in world.venue.orders.values() if order.state not in TERMINAL}
    for wish in world.wishes:
        order = working.pop(wish.slot, None)
        filled = sum(
            (o.filled for o in world.venue.orders.values() if (o.slot, o.cycle) == (wish.slot, wish.cycle)), D(0)
        )
        if order is None:
            rest = wish.quantity - filled
            price = wish.price or D(94)
            assert rest < D("0.00001") or rest * price < 5 + price * D("0.00001") or _refused(world, wish)
        else:
            assert (order.cycle, order.kind, order.state) == (wish.cycle, wish.kind, order.state)
            assert order.state in (OrderState.OPEN, OrderState.PARTIALLY_FILLED)
            assert 0 <= wish.quantity - filled - order.remaining < D("0.00001")
    assert not working
    books = world.trader.state.memory.books
    for asset, opening in (("USDT", 1_000_000), ("BTC", 100)):
        assert opening + books.flows.get(asset, 0) == world.venue.total(asset)  # type: ignore[call-overload]


def _refused(world: World, wish: DesiredOrder) -> bool:
    return wish.slot in world.trader.state.shown
