from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from api.pages.look import MINUS, Look, duration, grouped, known_zone, signed, spoken
from api.pages.texts import Language, Texts

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "places", "shown"),
    [
        ("61204.10000000", None, "61,204.1"),
        ("1E-8", None, "0.00000001"),
        ("10000.005", 2, "10,000.00"),
        ("-0.004", 2, "0.00"),
        ("-1234.5", 2, f"{MINUS}1,234.50"),
    ],
)
def test_amounts_have_their_thousands_apart_and_no_exponent(value: str, places: int | None, shown: str) -> None:
    assert grouped(Decimal(value), places) == shown


def test_a_gain_has_a_sign_as_a_loss_has() -> None:
    assert [signed(Decimal(value), 1) for value in ("2", "0", "-2")] == ["+2.0", "0.0", f"{MINUS}2.0"]


def test_times_are_in_the_users_zone_and_say_what_that_is_in_utc() -> None:
    look = Look(zone="Europe/Berlin")
    assert look.clock(NOON) == "13:00:00"
    assert look.full(NOON) == "2026-03-01 13:00:00 Europe/Berlin · 12:00:00 UTC"


def test_a_zone_that_does_not_exist_is_none() -> None:
    assert known_zone("Europe/Berlin") == "Europe/Berlin"
    assert [known_zone(name) for name in ("", "Mars/Base", "../../etc/passwd", "/etc/passwd")] == [None] * 4


def test_the_browsers_first_language_counts_when_we_speak_it() -> None:
    assert spoken("ru-RU,ru;q=0.9,en;q=0.8") is Language.RUSSIAN
    assert spoken("de-DE,ru;q=0.5") is Language.ENGLISH
    assert spoken("") is Language.ENGLISH


def test_a_span_is_told_in_its_largest_unit() -> None:
    texts = Texts(Language.ENGLISH)
    spans = (timedelta(seconds=-1), timedelta(seconds=59), timedelta(minutes=61), timedelta(days=3))
    assert [duration(span, texts) for span in spans] == ["0 s", "59 s", "1 h", "3 d"]
