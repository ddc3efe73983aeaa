"""What risk lets through and what it refuses, rule by rule, with the numbers it names."""

from datetime import timedelta
from typing import Any

import msgspec
import pytest

from tests.unit.trading.simulated import BTC, ETH, T0, D, instrument, quote
from tests.unit.trading.test_reconcile import wish
from trading.events import Control
from trading.ids import Asset, RunId, client_order_id
from trading.limits import Limits
from trading.orders import ApprovedOrder, DesiredOrder, OrderKind, Purpose, Side
from trading.reconcile import Missing
from trading.risk import Headroom, Market, Refusal, review, strictest

MARKET = Market(instrument=instrument(), quote=quote("99", "101"), control=Control.ACTIVE, quote_rate=D(1))
SELL = wish(side=Side.SELL, purpose=Purpose.EXIT)


def missing(wanted: DesiredOrder, quantity: str = "1", worth: str = "100") -> Missing:
    return Missing(wish=wanted, attempt=1, quantity=D(quantity), price=wanted.price, worth_at=D(worth))


def headroom(**changes: Any) -> Headroom:
    fields: dict[str, Any] = {
        "free": {Asset("USDT"): D(1000), Asset("BTC"): D(1)},
        "exposure": {},
        "open_orders": 0,
        "orders_last_minute": 0,
    }
    return Headroom(**(fields | changes))


def refusal(
    found: Missing, *, room: Headroom | None = None, limits: Limits | None = None, late_s: float = 0, **market: Any
) -> Refusal | ApprovedOrder:
    return review(
        found,
        msgspec.structs.replace(MARKET, **market),
        room or headroom(),
        limits or Limits(),
        run=RunId("r"),
        now=T0 + timedelta(seconds=late_s),
    )


def test_lets_through_what_breaks_no_rule_and_names_it() -> None:
    approved = refusal(missing(wish()))
    assert isinstance(approved, ApprovedOrder)
    assert approved.client_order_id == client_order_id(RunId("r"), wish().slot, 1, 1)
    assert (approved.quantity, approved.price, approved.purpose) == (D(1), D(100), Purpose.ENTRY)


@pytest.mark.parametrize(
    ("found", "changes", "rule", "value", "limit"),
    [
        pytest.param(
            missing(wish(purpose=Purpose.EXIT)), {}, "exit_that_buys", "buy", "sell", id="a purchase called an exit"
        ),
        pytest.param(
            missing(wish()), {"control": Control.REDUCE_ONLY}, "control", "reduce_only", "active", id="reduce-only"
        ),
        pytest.param(missing(wish()), {"control": Control.HALTED}, "control", "halted", "active", id="halted"),
        pytest.param(missing(SELL), {"control": Control.HALTED}, "control", "halted", "active", id="halted, an exit"),
        pytest.param(missing(wish()), {"quote": None}, "stale_data", "none", D(10), id="no quote"),
        pytest.param(missing(wish()), {"late_s": 10.5}, "stale_data", D("10.5"), D(10), id="a quote too old"),
        pytest.param(missing(wish(price=D("105.01"))), {}, "price_band", D("5.01"), D(5), id="a purchase too dear"),
        pytest.param(
            missing(wish(side=Side.SELL, purpose=Purpose.EXIT, price=D("94.9"))),
            {},
            "price_band",
            D("5.1"),
            D(5),
            id="a sale too cheap",
        ),
        pytest.param(
            missing(wish(price=D(9))), {}, "price_reach", D(91), D(90), id="a purchase that nobody will ever sell to"
        ),
        pytest.param(missing(wish(), "10.1"), {}, "balance", D(1010), D(1000), id="more than there is"),
        pytest.param(missing(SELL, "1.1"), {}, "balance", D("1.1"), D(1), id="a sale of more than there is"),
        pytest.param(
            missing(wish(quantity=D("0.05")), "0.05"),
            {},
            "exit_notional_min",
            D("4.89510"),
            D(5),
            id="bought for 5, sellable for less: after the fee 0.04995, at a price 2 % lower",
        ),
        pytest.param(
            missing(wish()),
            {"room": headroom(orders_last_minute=120)},
            "orders_per_minute",
            D(121),
            D(120),
            id="too many a minute",
        ),
        pytest.param(
            missing(wish()), {"room": headroom(open_orders=200)}, "open_orders", D(201), D(200), id="too many open"
        ),
        pytest.param(
            missing(wish()),
            {"room": headroom(exposure={ETH: D(1)}), "limits": Limits(open_positions_max=1)},
            "open_positions",
            D(2),
            D(1),
            id="one market too many",
        ),
        pytest.param(
            missing(wish()),
            {"room": headroom(exposure={BTC: D(150)}), "limits": Limits(exposure_symbol_max=D(200))},
            "exposure_symbol",
            D(250),
            D(200),
            id="too much in one market",
        ),
        pytest.param(
            missing(wish()),
            {"room": headroom(exposure={ETH: D(150)}), "limits": Limits(exposure_max=D(200))},
            "exposure",
            D(250),
            D(200),
            id="too much in all",
        ),
        pytest.param(missing(wish()), {"quote_rate": None}, "no_rate", "USDT", "a quote for it", id="worth unknown"),
    ],
)
def test_refuses_with_the_rule_and_its_numbers(
    found: Missing, changes: dict[str, Any], rule: str, value: object, limit: object
) -> None:
    answer = refusal(found, **changes)
    assert isinstance(answer, Refusal)
    assert (answer.rule, answer.value, answer.limit) == (rule, value, limit)


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"control": Control.REDUCE_ONLY}, id="reduce-only"),
        pytest.param({"quote": None}, id="no quote"),
        pytest.param({"late_s": 3600}, id="an old quote"),
        pytest.param({"room": headroom(open_orders=999, orders_last_minute=999)}, id="too many orders"),
        pytest.param({"limits": Limits(exposure_max=D(1), exposure_symbol_max=D(1))}, id="too much exposure"),
    ],
)
def test_an_exit_is_let_through_past_every_limit_on_exposure_and_data(changes: dict[str, Any]) -> None:
    assert isinstance(refusal(missing(SELL), **changes), ApprovedOrder)


def test_two_orders_of_one_decision_do_not_share_the_last_of_anything() -> None:
    room = headroom()
    first = refusal(missing(wish(), "6"), room=room)
    second = refusal(missing(wish(), "6"), room=room)
    assert isinstance(first, ApprovedOrder)
    assert isinstance(second, Refusal)
    assert (second.rule, second.limit) == ("balance", D(400))
    assert (room.open_orders, room.orders_last_minute, room.exposure) == (1, 1, {BTC: D(600)})


def test_a_market_order_is_not_held_against_the_price_band() -> None:
    market_order = wish(kind=OrderKind.MARKET, price=None)
    assert isinstance(refusal(missing(market_order)), ApprovedOrder)


def test_the_strictest_control_holds() -> None:
    active, reduce_only, halted = Control.ACTIVE, Control.REDUCE_ONLY, Control.HALTED
    assert strictest(active, reduce_only) is reduce_only
    assert strictest(halted, reduce_only, active) is halted
    assert strictest() is active
