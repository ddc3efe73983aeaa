"""A request as it arrived, over HTTP or over the WebSocket API, and the values read from it."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from paper import fixed
from paper.accounts import Account
from paper.errors import Refused, illegal, missing, too_precise
from paper.facts import Key

_DIGITS_MAX = 19
_MICROSECONDS_FROM = 10**14
_NUMBER = r"^([0-9]{1,20})(\.[0-9]{1,20})?$"


class Request:
    """What a handler sees. Values are text until a handler asks for them as something else."""

    __slots__ = ("_account", "address", "api_key", "counts_orders", "key", "now", "params", "payload", "trusted")

    def __init__(
        self, *, params: Mapping[str, str], now: int, payload: str = "", api_key: str = "", address: str = ""
    ) -> None:
        self.params = params
        self.now = now
        self.payload = payload
        """What the signature signs: everything but the signature itself, as it came over the wire."""
        self.api_key = api_key
        self.address = address
        self.counts_orders = False
        self.key: Key | None = None
        self.trusted = False
        """Whether its session has proved who it is, so that it need not be signed."""
        self._account: Account | None = None

    @property
    def account(self) -> Account:
        """Whose request it is; only where a signature was asked for."""
        assert self._account is not None
        return self._account

    def authorize(self, key: Key, account: Account) -> None:
        self.key = key
        self._account = account

    def derived(self, params: Mapping[str, str]) -> "Request":
        """The same request with other parameters: what one leg of a list would be by itself."""
        return Request(params=params, now=self.now)

    def text(self, name: str) -> str:
        value = self.params.get(name)
        if not value:
            raise missing(name)
        return value

    def integer(self, name: str) -> int:
        value = self.text(name)
        if not (value.isascii() and value.isdigit() and len(value) <= _DIGITS_MAX):
            raise illegal(name, "^[0-9]{1,20}$")
        return int(value)

    def moment(self, name: str) -> int:
        """A time in milliseconds. Whoever sends microseconds is understood too."""
        value = self.integer(name)
        return value // 1000 if value >= _MICROSECONDS_FROM else value

    def optional_moment(self, name: str) -> int | None:
        return self.moment(name) if self.params.get(name) else None

    def optional_integer(self, name: str) -> int | None:
        return self.integer(name) if self.params.get(name) else None

    def limit(self, default: int, most: int) -> int:
        value = self.optional_integer("limit")
        if value is None:
            return default
        if value <= 0:
            raise illegal("limit", "^[1-9][0-9]{0,19}$")
        return min(value, most)

    def amount(self, name: str) -> int:
        """An amount or a price in units; 0 if it was not sent."""
        value = self.params.get(name)
        if not value:
            return 0
        try:
            return fixed.units(value)
        except fixed.TooPrecise:
            raise too_precise(name) from None
        except fixed.Malformed:
            raise illegal(name, _NUMBER) from None

    def flag(self, name: str, *, default: bool = False) -> bool:
        value = self.params.get(name)
        if not value:
            return default
        if value.lower() not in {"true", "false"}:
            raise illegal(name, "^(true|false)$")
        return value.lower() == "true"


def read_json(text: str) -> Any:
    """What a client sent as JSON; None, which is never asked for, where it is none or nested beyond reason."""
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return None


def period(request: Request) -> tuple[int | None, int | None]:
    return request.optional_moment("startTime"), request.optional_moment("endTime")


def read_query(query: str, form: str = "") -> tuple[dict[str, str], str]:
    """Parameters from a query string and a form body, and what of them was signed."""
    params = _read(form)
    # What both the address and the body name, the address decides.
    params |= _read(query)
    return params, _unsigned(query) + _unsigned(form)


def _read(part: str) -> dict[str, str]:
    if not part:
        return {}
    pairs: list[Any] = [pair.split("=", 1) for pair in part.split("&")]
    try:
        named: dict[str, str] = dict(pairs)
    except ValueError:
        named = {}
    if not named or "%" in part or "+" in part:
        # Seldom: something is encoded, or has no value. Cutting it up was not enough.
        pairs = parse_qsl(part, keep_blank_values=True)
        named = dict(pairs)
    if len(named) != len(pairs):
        raise Refused(-1101, "Duplicate values for a parameter detected.")
    return named


def _unsigned(part: str) -> str:
    if part.startswith("signature="):
        return part.partition("&")[2]
    before, found, after = part.partition("&signature=")
    if not found:
        return part
    _, more, rest = after.partition("&")
    return before + more + rest
