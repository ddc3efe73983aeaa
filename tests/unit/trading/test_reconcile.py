"""What is sent and withdrawn so that wishes stand, case by case."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from tests.unit.trading.simulated import BTC, ETH, T0, D, instrument, quote
from trading.books import SlotFees
from trading.ids import ClientOrderId, RunId, Slot
from trading.orders import DesiredOrder, Order, OrderKind, OrderState, Purpose, Side
from trading.reconcile import BACKOFF_MAX, Difference, left_of, reconcile, retry_at
from trading.slots import ATTEMPTS_KEPT, summarise, worth_keeping

WISH = DesiredOrder(
    slot=Slot("B:1"),
    cycle=1,
    symbol=BTC,
    side=Side.BUY,
    kind=OrderKind.LIMIT,
    quantity=D(1),
    price=D(100),
    purpose=Purpose.ENTRY,
    reason="",
)


def wish(**changes: Any) -> DesiredOrder:
    return msgspec.structs.replace(WISH, **changes)


def order(state: str, filled: str = "0", **changes: Any) -> Order:
    fields: dict[str, Any] = {
        "client_order_id": ClientOrderId(f"{changes.get('cycle', 1)}.{changes.get('attempt', 1)}"),
        "run": RunId("r"),
        "slot": WISH.slot,
        "cycle": 1,
        "attempt": 1,
        "symbol": BTC,
        "side": Side.BUY,
        "kind": OrderKind.LIMIT,
        "quantity": D(1),
        "price": D(100),
        "purpose": Purpose.ENTRY,
        "state": OrderState(state),
        "filled": D(filled),
        "quote_filled": D(filled) * 100,
        "created_at": T0,
        "updated_at": T0,
    }
    return Order(**(fields | changes))


def difference(
    wishes: list[DesiredOrder], orders: list[Order], *, after_s: float = 0, asked_s: float | None = None, **rules: Any
) -> Difference:
    slots = {order.slot: summarise([o for o in orders if o.slot == order.slot], None) for order in orders}
    now = T0 + timedelta(seconds=after_s)
    asked = {} if asked_s is None else {o.client_order_id: now - timedelta(seconds=asked_s) for o in orders}
    return reconcile(
        wishes,
        slots=slots,
        instruments={BTC: instrument(**rules), ETH: instrument(ETH)},
        quotes={BTC: quote("99", "101")},
        cancelling=asked,
        now=now,
    )


def told(found: Difference) -> dict[str, list[Any]]:
    """A difference in short."""
    return {
        "send": [
            (m.wish.slot, m.wish.cycle, m.attempt, str(m.quantity), m.price and str(m.price)) for m in found.missing
        ],
        "withdraw": [o.client_order_id for o in found.surplus],
        "cannot": [m.rule for m in found.misfits],
    }


def sends(quantity: str = "1.00000", price: str | None = "100.00", cycle: int = 1, attempt: int = 1) -> dict[str, Any]:
    return {"send": [("B:1", cycle, attempt, quantity, price)], "withdraw": [], "cannot": []}


NOTHING: dict[str, Any] = {"send": [], "withdraw": [], "cannot": []}


def withdraws(*ids: str) -> dict[str, Any]:
    return NOTHING | {"withdraw": list(ids)}


@pytest.mark.parametrize(
    ("wishes", "orders", "expected"),
    [
        pytest.param([wish()], [], sends(), id="nothing stands: it is sent"),
        pytest.param([wish()], [order("open")], NOTHING, id="it stands: nothing to do"),
        pytest.param([], [order("open")], withdraws("1.1"), id="not wished for any more"),
        pytest.param([], [order("cancelled")], NOTHING, id="not wished for, and ended"),
        pytest.param([], [order("intended")], NOTHING, id="on its way: cannot be withdrawn yet"),
        pytest.param([], [order("unknown")], NOTHING, id="nobody knows whether there is anything to withdraw"),
        pytest.param([wish()], [order("intended")], NOTHING, id="on its way"),
        pytest.param([wish()], [order("unknown")], NOTHING, id="perhaps there"),
        pytest.param([wish(price=D(101))], [order("open")], withdraws("1.1"), id="moved: withdrawn first"),
        pytest.param([wish(price=D(101))], [order("unknown")], NOTHING, id="moved, and perhaps there: waits"),
        pytest.param([wish(price=D("100.004"))], [order("open")], NOTHING, id="moved by less than a tick"),
        pytest.param([wish(quantity=D(2))], [order("open")], withdraws("1.1"), id="grown"),
        pytest.param([wish(quantity=D("0.5"))], [order("open")], withdraws("1.1"), id="shrunk"),
        pytest.param([wish(kind=OrderKind.MARKET, price=None)], [order("open")], withdraws("1.1"), id="another kind"),
        pytest.param(
            [wish(price=D(101))],
            [order("cancelled", "0.25")],
            sends("0.75000", "101.00", attempt=2),
            id="moved and withdrawn: the rest is sent",
        ),
        pytest.param([wish()], [order("partially_filled", "0.25")], NOTHING, id="fills little by little"),
        pytest.param([wish()], [order("filled", "1")], NOTHING, id="done"),
        pytest.param([wish()], [order("cancelled", "0.96")], NOTHING, id="done but for dust: 4 of at least 5"),
        pytest.param([wish()], [order("cancelled", "0.95")], sends("0.05000", attempt=2), id="5 is just enough"),
        pytest.param(
            [wish()],
            [order("cancelled", "0.3"), order("cancelled", "0.2", attempt=2)],
            sends("0.50000", attempt=3),
            id="all attempts count",
        ),
        pytest.param([wish(cycle=2)], [order("filled", "1")], sends(cycle=2), id="the next cycle begins at nothing"),
        pytest.param(
            [wish(cycle=2)], [order("open")], withdraws("1.1"), id="the last cycle still works: it goes first"
        ),
        pytest.param([wish()], [order("open", cycle=2)], NOTHING | {"cannot": ["cycle_went_back"]}, id="went back"),
        pytest.param(
            [wish()],
            [order("open"), order("open", attempt=2)],
            withdraws("1.1", "1.2"),
            id="an order that was thought never to have been came back: both go, then the rest is sent",
        ),
        pytest.param([wish(quantity=D("0.04"))], [], NOTHING | {"cannot": ["notional_min"]}, id="too small to send"),
        pytest.param([wish(quantity=D("1E-7"))], [], NOTHING | {"cannot": ["quantity_min"]}, id="less than a lot"),
        pytest.param([wish(kind=OrderKind.MARKET, price=None)], [], sends(price=None), id="a market order"),
        pytest.param(
            [wish(slot=Slot("B:2"))],
            [order("unknown", slot=Slot("B:1"))],
            NOTHING,
            id="an unknown order freezes its whole symbol",
        ),
        pytest.param(
            [wish()],
            [order("unknown", slot=Slot("E:1"), symbol=ETH)],
            sends(),
            id="but no other symbol",
        ),
        pytest.param(
            [wish()],
            [order("intended", slot=Slot("B:2"))],
            sends(),
            id="an order on its way holds up its own slot alone",
        ),
    ],
)
def test_the_difference(wishes: list[DesiredOrder], orders: list[Order], expected: dict[str, Any]) -> None:
    assert told(difference(wishes, orders)) == (withdraws() | expected)


def test_an_order_above_the_largest_allowed_is_worked_off_in_several() -> None:
    big = wish(quantity=D("2.5"))
    largest: dict[str, Any] = {"quantity_max": D(1)}
    assert told(difference([big], [], **largest)) == sends()
    assert told(difference([big], [order("partially_filled", "0.4")], **largest)) == NOTHING
    two = [order("filled", "1"), order("filled", "1", attempt=2)]
    assert told(difference([big], two, **largest)) == sends("0.50000", attempt=3)


@pytest.mark.parametrize(("failures", "pause_s"), [(1, 2), (2, 4), (3, 8), (8, 256), (9, 300), (40, 300)])
def test_failures_are_tried_again_after_a_growing_pause(failures: int, pause_s: int) -> None:
    orders = [order("rejected", attempt=n + 1) for n in range(failures)]
    assert told(difference([wish()], orders, after_s=pause_s - 1)) == NOTHING
    assert told(difference([wish()], orders, after_s=pause_s)) == sends(attempt=failures + 1)


def test_a_fill_or_our_own_cancellation_ends_the_pause() -> None:
    failed_then = [order("rejected"), order("cancelled", attempt=2)]
    assert told(difference([wish()], failed_then)) == sends(attempt=3)
    assert retry_at(summarise([order("expired", "0.1")], None)) is None


def test_a_cancellation_is_asked_for_once_and_again_only_when_no_end_came() -> None:
    assert told(difference([], [order("open")], asked_s=4.9)) == NOTHING
    assert told(difference([], [order("open")], asked_s=5)) == withdraws("1.1")


def test_a_market_order_without_a_quote_cannot_be_reckoned() -> None:
    found = difference([wish(symbol=ETH, kind=OrderKind.MARKET, price=None)], [])
    assert [misfit.rule for misfit in found.misfits] == ["no_quote"]


def test_what_is_left_of_a_wish() -> None:
    facts = summarise([order("cancelled", "0.25")], None)
    assert left_of(wish(), facts, instrument(), D(100)) == D("0.75")
    assert left_of(wish(cycle=2), facts, instrument(), D(100)) == 1
    assert left_of(wish(quantity=D("0.26")), facts, instrument(), D(100)) == 0


def test_slot_facts_add_up_all_attempts_of_the_newest_cycle() -> None:
    facts = summarise(
        [order("filled", "9", cycle=1), order("cancelled", "0.3", cycle=2), order("open", "0.2", cycle=2, attempt=2)],
        SlotFees(cycle=2, base=D("0.0005"), quote=D("0.1")),
    )
    assert (facts.cycle, facts.attempt, facts.filled, facts.price) == (2, 2, D("0.5"), D(100))
    assert (facts.net_base, facts.net_quote) == (D("0.4995"), D("50.1"))
    assert [o.attempt for o in facts.live] == [2]
    assert facts.ended_at is None


def test_facts_of_a_sale_count_fees_the_other_way() -> None:
    sale = order("filled", "1", side=Side.SELL)
    facts = summarise([sale], SlotFees(cycle=1, base=D("0.001"), quote=D("0.1")))
    assert (facts.net_base, facts.net_quote) == (D("1.001"), D("99.9"))


def test_fees_of_an_older_cycle_are_not_charged_to_the_newest() -> None:
    assert summarise([order("open", cycle=2)], SlotFees(cycle=1, base=D(1))).fee_base == 0


def test_only_what_can_still_matter_is_kept() -> None:
    old = [order("filled", "1"), order("open", attempt=2)]
    silent = [order("cancelled", cycle=2, attempt=n + 1) for n in range(3 * ATTEMPTS_KEPT)]
    filled = order("cancelled", "0.1", cycle=2, attempt=99)
    kept = worth_keeping([*old, *silent, filled])
    assert [o.client_order_id for o in kept[:1]] == ["1.2"]
    assert len(kept) == 1 + ATTEMPTS_KEPT + 1
    assert summarise(kept, None).filled == Decimal("0.1")
    assert timedelta(seconds=300) == BACKOFF_MAX
