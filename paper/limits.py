"""How much anybody may ask: request weight by address, unfilled orders by account, and what happens beyond.

Counts belong to intervals that begin on the clock: a minute's count is zero again when the next minute begins.
"""

import msgspec

from paper.errors import Refused
from paper.payloads import Json

_SECOND = 1000
_MINUTE = 60 * _SECOND
_DAY = 24 * 60 * _MINUTE
_PATIENCE = 20
"""How many requests after a refusal are only refused. Whoever sends more in that minute is banned."""
_FIRST_BAN_MS = 2 * _MINUTE
_LONGEST_BAN_MS = 3 * _DAY
_MAKER_REWARD = 5
"""By how much the first fill of a resting order lowers the count of unfilled orders."""
_SOCKET_INTERVAL_MS = 5 * _MINUTE
_USE_STREAMS = "Please use WebSocket Streams for live updates to avoid"


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    weight_per_minute: int = 6000
    raw_requests_per_5_minutes: int = 61_000
    orders_per_10_s: int = 100
    orders_per_day: int = 200_000
    sockets_per_5_minutes: int = 300

    def times(self, factor: int) -> "Limits":
        """As many times as generous: for fleets larger than a real venue serves on one address."""
        return Limits(**{name: factor * amount for name, amount in msgspec.structs.asdict(self).items()})


class TooMany(Refused):
    """Told to wait. `retry_at` is when it makes sense to ask again."""

    def __init__(self, code: int, message: str, status: int, *, now: int, retry_at: int) -> None:
        super().__init__(code, message, status)
        self.now = now
        self.retry_at = retry_at

    @property
    def retry_after_s(self) -> int:
        return max(1, -(-(self.retry_at - self.now) // 1000))


class _Count:
    """A count that begins anew with each interval."""

    __slots__ = ("count", "interval_ms", "name", "opened_at")

    def __init__(self, name: tuple[str, int], interval_ms: int) -> None:
        self.name = name
        self.interval_ms = interval_ms
        self.opened_at = 0
        self.count = 0

    def add(self, amount: int, now: int) -> int:
        if now - self.opened_at >= self.interval_ms or now < self.opened_at:
            self.opened_at = now // self.interval_ms * self.interval_ms
            self.count = 0
        self.count = max(0, self.count + amount)
        return self.count

    @property
    def closes_at(self) -> int:
        return self.opened_at + self.interval_ms


class _Address:
    __slots__ = ("banned_until", "bans", "raw", "refusals", "sockets", "weight")

    def __init__(self) -> None:
        self.weight = _Count(("MINUTE", 1), _MINUTE)
        self.raw = _Count(("MINUTE", 5), 5 * _MINUTE)
        self.sockets = _Count(("MINUTE", 5), _SOCKET_INTERVAL_MS)
        self.refusals = _Count(("MINUTE", 1), _MINUTE)
        self.bans = 0
        self.banned_until = 0


class _Orders:
    __slots__ = ("day", "seconds")

    def __init__(self) -> None:
        self.seconds = _Count(("SECOND", 10), 10 * _SECOND)
        self.day = _Count(("DAY", 1), _DAY)


class Limiter:
    """Counts requests and orders, and refuses those that are too many."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._addresses: dict[str, _Address] = {}
        self._orders: dict[str, _Orders] = {}

    def request(self, address: str, weight: int, now: int) -> int:
        """Count one request. Returns the weight that the address has used in this minute."""
        known = self._addresses.get(address) or self._addresses.setdefault(address, _Address())
        if known.banned_until > now:
            raise self._banned(known, now)
        used = known.weight.add(weight, now)
        raw = known.raw.add(1, now)
        if used > self.limits.weight_per_minute:
            raise self._refuse(known, known.weight, f"{self.limits.weight_per_minute} request weight per 1 MINUTE", now)
        if raw > self.limits.raw_requests_per_5_minutes:
            raise self._refuse(known, known.raw, f"{self.limits.raw_requests_per_5_minutes} requests per 5 MINUTE", now)
        return used

    def socket(self, address: str, now: int) -> None:
        """Count a WebSocket that is about to be opened."""
        known = self._addresses.setdefault(address, _Address())
        if known.banned_until > now:
            raise self._banned(known, now)
        if known.sockets.add(1, now) > self.limits.sockets_per_5_minutes:
            limit = self.limits.sockets_per_5_minutes
            message = f"Too many connection attempts from IP; current limit is {limit} per '5 MINUTE'."
            raise TooMany(-1034, message, 429, now=now, retry_at=known.sockets.closes_at)

    def orders(self, account: str, amount: int, now: int) -> Json:
        """Count orders that an account is about to place. Returns the counts as headers have them."""
        known = self._of(account)
        in_10_s, in_day = known.seconds.add(amount, now), known.day.add(amount, now)
        if in_10_s > self.limits.orders_per_10_s or in_day > self.limits.orders_per_day:
            raise self._too_many_orders(known, amount, now)
        return {"X-MBX-ORDER-COUNT-10S": str(in_10_s), "X-MBX-ORDER-COUNT-1D": str(in_day)}

    def filled(self, account: str, now: int, *, maker: bool) -> None:
        """An order of the account traded for the first time: it no longer counts as unfilled."""
        known = self._orders.get(account)
        if known is not None:
            for count in (known.seconds, known.day):
                count.add(-_MAKER_REWARD if maker else -1, now)

    def order_report(self, account: str, now: int) -> list[Json]:
        return [_report("ORDERS", count, limit, now) for count, limit in self._order_counts(self._of(account))]

    def weight_report(self, address: str, now: int) -> Json:
        known = self._addresses.setdefault(address, _Address())
        return _report("REQUEST_WEIGHT", known.weight, self.limits.weight_per_minute, now)

    def rules(self) -> list[Json]:
        """As `exchangeInfo` tells them."""
        limits = self.limits
        return [
            _rule("REQUEST_WEIGHT", ("MINUTE", 1), limits.weight_per_minute),
            _rule("ORDERS", ("SECOND", 10), limits.orders_per_10_s),
            _rule("ORDERS", ("DAY", 1), limits.orders_per_day),
            _rule("RAW_REQUESTS", ("MINUTE", 5), limits.raw_requests_per_5_minutes),
        ]

    def _too_many_orders(self, known: _Orders, amount: int, now: int) -> TooMany:
        count, limit = next(
            (count, limit) for count, limit in reversed(self._order_counts(known)) if count.count > limit
        )
        for counted in (known.seconds, known.day):
            counted.add(-amount, now)
        interval, number = count.name
        message = f"Too many new orders; current limit is {limit} orders per {number} {interval}."
        return TooMany(-1015, message, 429, now=now, retry_at=count.closes_at)

    def _of(self, account: str) -> _Orders:
        return self._orders.setdefault(account, _Orders())

    def _order_counts(self, known: _Orders) -> list[tuple[_Count, int]]:
        return [(known.seconds, self.limits.orders_per_10_s), (known.day, self.limits.orders_per_day)]

    def _refuse(self, known: _Address, count: _Count, limit: str, now: int) -> TooMany:
        if known.refusals.add(1, now) > _PATIENCE:
            known.banned_until = now + min(_LONGEST_BAN_MS, _FIRST_BAN_MS << known.bans)
            known.bans += 1
            return self._banned(known, now)
        message = f"Too much request weight used; current limit is {limit}. {_USE_STREAMS} polling the API."
        return TooMany(-1003, message, 429, now=now, retry_at=count.closes_at)

    @staticmethod
    def _banned(known: _Address, now: int) -> TooMany:
        until = known.banned_until
        message = f"Way too much request weight used; IP banned until {until}. {_USE_STREAMS} bans."
        return TooMany(-1003, message, 418, now=now, retry_at=until)


def _rule(kind: str, name: tuple[str, int], limit: int) -> Json:
    interval, number = name
    return {"rateLimitType": kind, "interval": interval, "intervalNum": number, "limit": limit}


def _report(kind: str, count: _Count, limit: int, now: int) -> Json:
    return _rule(kind, count.name, limit) | {"count": count.add(0, now)}
