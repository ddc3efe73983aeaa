from datetime import UTC, datetime, timedelta
from decimal import Decimal

from api.pages.charts import sparkline, total_curve
from storage.worth import EquityPoint
from trading.ids import AccountId

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
STEP = timedelta(minutes=1)


def point(account: str, minute: int, equity: int) -> EquityPoint:
    return EquityPoint(
        account_id=AccountId(account),
        at=NOON + minute * STEP,
        quote_asset="USDT",
        equity=Decimal(equity),
        realised=Decimal(0),
        unrealised=Decimal(0),
    )


def test_the_curve_is_the_sum_and_begins_where_everybody_has_a_value() -> None:
    points = [point("a", 0, 10), point("a", 1, 11), point("a", 3, 13), point("b", 1, 5), point("b", 2, 6)]
    assert [one["value"] for one in total_curve(points, STEP)] == [16, 17, 19]


def test_nothing_weighed_is_no_curve() -> None:
    assert total_curve([], STEP) == []


def test_a_sparkline_fits_its_box_and_a_flat_one_is_a_line() -> None:
    assert sparkline([Decimal(1), Decimal(3), Decimal(2)]) == "0.0,30.0 60.0,2.0 120.0,16.0"
    assert sparkline([Decimal(5), Decimal(5)]) == "0.0,30.0 120.0,30.0"
    assert sparkline([Decimal(5)]) == ""
