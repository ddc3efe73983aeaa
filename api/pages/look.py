"""How one browser wants its pages: language, theme, colours, time zone. In cookies, so that it holds signed out."""

from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from enum import StrEnum
from typing import TypeVar
from zoneinfo import ZoneInfo

import msgspec

from api.identity.principal import Connection
from api.pages.texts import Language, Texts
from trading.money import plain

COOKIE_AGE_S = 400 * 24 * 3600
MINUS = "\N{MINUS SIGN}"
Member = TypeVar("Member", bound=StrEnum)


class Theme(StrEnum):
    SYSTEM = "system"
    LIGHT = "light"
    DARK = "dark"


class Colours(StrEnum):
    """What a gain and a loss look like. Neither is ever told by colour alone."""

    GREEN_UP = "green-up"
    RED_UP = "red-up"
    BLUE_ORANGE = "blue-orange"


class Look(msgspec.Struct, frozen=True, kw_only=True):
    language: Language = Language.ENGLISH
    theme: Theme = Theme.SYSTEM
    colours: Colours = Colours.GREEN_UP
    zone: str = "UTC"

    @property
    def texts(self) -> Texts:
        return Texts(self.language)

    def local(self, at: datetime) -> datetime:
        return at.astimezone(ZoneInfo(self.zone))

    def clock(self, at: datetime) -> str:
        return f"{self.local(at):%H:%M:%S}"

    def moment(self, at: datetime) -> str:
        """The time today, else the date too."""
        local = self.local(at)
        return f"{local:%H:%M:%S}" if local.date() == self.local(datetime.now(UTC)).date() else f"{local:%d.%m. %H:%M}"

    def full(self, at: datetime) -> str:
        """For hovering: in the user's zone and in UTC."""
        local = f"{self.local(at):%Y-%m-%d %H:%M:%S} {self.zone}"
        return local if self.zone == "UTC" else f"{local} · {at.astimezone(UTC):%H:%M:%S} UTC"

    def date(self, at: datetime) -> str:
        return f"{self.local(at):%Y-%m-%d}"

    def since(self, at: datetime, now: datetime | None = None) -> str:
        return duration((now or datetime.now(UTC)) - at, self.texts)


PLAIN = Look()


def duration(span: timedelta, texts: Texts) -> str:
    seconds = max(0, int(span.total_seconds()))
    for size, unit in ((86_400, "{n} d"), (3600, "{n} h"), (60, "{n} min")):
        if seconds >= size:
            return texts(unit, n=seconds // size)
    return texts("{n} s", n=seconds)


def look_of(connection: Connection) -> Look:
    """What the cookies say; what they do not, or say wrongly, is the browser's language and the defaults."""
    cookies = connection.cookies
    return Look(
        language=_one_of(Language, cookies.get("tf_language")) or spoken(connection.headers.get("accept-language", "")),
        theme=_one_of(Theme, cookies.get("tf_theme")) or Theme.SYSTEM,
        colours=_one_of(Colours, cookies.get("tf_colours")) or Colours.GREEN_UP,
        zone=known_zone(cookies.get("tf_zone", "")) or "UTC",
    )


def spoken(accepted: str) -> Language:
    first = accepted.partition(",")[0].partition(";")[0].strip().lower()
    return _one_of(Language, first[:2]) or Language.ENGLISH


def known_zone(name: str) -> str | None:
    try:
        return ZoneInfo(name).key
    except (LookupError, ValueError, OSError):
        return None


def _one_of(kind: type[Member], value: str | None) -> Member | None:
    return next((member for member in kind if member == value), None)


def grouped(value: Decimal, places: int | None = None) -> str:
    """An amount for people: thousands apart, rounded to so many places or not at all, a real minus sign."""
    if places is not None:
        value = value.quantize(Decimal(1).scaleb(-places), rounding=ROUND_HALF_EVEN)
    text = plain(abs(value)) if places is None else f"{abs(value):f}"
    whole, point, rest = text.partition(".")
    negative = value < 0
    return (MINUS if negative else "") + f"{int(whole):,}" + point + rest


def signed(value: Decimal, places: int | None = None) -> str:
    return ("+" if value > 0 else "") + grouped(value, places)
