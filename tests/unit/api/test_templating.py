from datetime import UTC, datetime
from decimal import Decimal

from api.templating import as_amount, as_time


def test_times_are_utc_and_say_so() -> None:
    assert as_time(datetime(2026, 3, 1, 12, tzinfo=UTC)) == "2026-03-01 12:00:00 UTC"


def test_amounts_have_no_exponent_and_no_tail_of_zeros() -> None:
    assert as_amount(Decimal("1E-8")) == "0.00000001"
    assert as_amount(Decimal("61204.10000000")) == "61204.1"
