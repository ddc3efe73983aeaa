"""The line to a venue: every request of every account passes here on its way out, and every answer on its way in."""

import asyncio
import re
from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from typing import Any

from exchanges.breaker import Breaker
from exchanges.budget import RequestBudget
from exchanges.errors import OutcomeUnknown, RateLimited, VenueError, VenueUnreachable
from exchanges.limits import Lane, Limit, Request

LANE: ContextVar[Lane] = ContextVar("LANE", default=Lane.READ)
"""What the requests of this task are for."""

LOOK_AGAIN_S = 0.02
"""How often the budget is looked at again while somebody waits for it."""

ORDERS_EXCEEDED = "-1015"
"""Binance: this account has sent too many orders. Other accounts may go on."""

_SECONDS = {"S": 1.0, "M": 60.0, "H": 3_600.0, "D": 86_400.0}
_INTERVALS = {"SECOND": 1.0, "MINUTE": 60.0, "HOUR": 3_600.0, "DAY": 86_400.0}
_COUNTED: Mapping[str, Any] = {"REQUEST_WEIGHT": "weight", "RAW_REQUESTS": "requests", "ORDERS": "orders"}
_USED = re.compile(r"x-mbx-(used-weight|order-count)-(\d+)([smhd])", re.IGNORECASE)


class VenueLine:
    """What all clients of a venue at one egress address share: its clock, the request budget, the circuit breaker."""

    def __init__(self, limits: Sequence[Limit], weight_per_cost: float) -> None:
        self.clock_offset_ms = 0
        self.budget = RequestBudget(limits)
        self.breaker = Breaker()
        self.weight_per_cost = weight_per_cost
        self._turns: dict[Request, asyncio.Future[None]] = {}
        self._looking_again: asyncio.TimerHandle | None = None

    async def turn(self, request: Request) -> None:
        """Wait until the budget grants it."""
        self.budget.ask(request)
        turn = self._turns[request] = asyncio.get_running_loop().create_future()
        self._grant()
        try:
            await turn
        finally:
            self._turns.pop(request, None)
            self.budget.withdraw(request)

    def _grant(self) -> None:
        loop = asyncio.get_running_loop()
        while (request := self.budget.grant(loop.time())) is not None:
            turn = self._turns.pop(request)
            if not turn.done():
                turn.set_result(None)
        if self._turns and self._looking_again is None:
            self._looking_again = loop.call_later(LOOK_AGAIN_S, self._look_again)

    def _look_again(self) -> None:
        self._looking_again = None
        self._grant()


class AccountLine:
    """One account's end of the line. `tenant` is who shares fairly with the others."""

    def __init__(self, venue: VenueLine, *, tenant: str, account: str) -> None:
        self.venue = venue
        self._tenant = tenant
        self._account = account

    @property
    def clock_offset_ms(self) -> int:
        return self.venue.clock_offset_ms

    async def admit(self, cost: float, *, orders: int, patience_s: float | None) -> None:
        """Wait for a turn to send a request of that cost. What ends the wait otherwise means that nothing was sent."""
        lane = LANE.get()
        # The ways out are always tried: a venue that is half gone may still take a cancellation.
        if lane > Lane.CLOSE and not self.venue.breaker.allows(_now()):
            raise VenueUnreachable("breaker", "the venue has not answered lately and is left alone for a moment")
        request = Request(
            lane=lane,
            tenant=self._tenant,
            account=self._account,
            weight=max(1, round(cost * self.venue.weight_per_cost)),
            orders=orders,
        )
        try:
            async with asyncio.timeout(patience_s):
                await self.venue.turn(request)
        except TimeoutError:
            raise RateLimited("budget", "no room in the request budget in time; not sent", LOOK_AGAIN_S) from None

    def heard(self, headers: Mapping[str, str], answer: Any) -> None:
        """The venue answered, with what it counts and what it allows."""
        if isinstance(answer, dict) and isinstance(answer.get("rateLimits"), list):
            self.venue.budget.set_limits(_limits(answer["rateLimits"]))
        for name, value in headers.items():
            if (match := _USED.fullmatch(name)) and value.isdigit():
                interval_s = int(match[2]) * _SECONDS[match[3].upper()]
                if match[1].lower() == "used-weight":
                    self.venue.budget.correct(int(value), interval_s, _now())
                else:
                    self.venue.budget.correct_orders(self._account, int(value), interval_s, _now())

    def ended(self, verdict: VenueError | None) -> None:
        """A request is over: well, or with this verdict."""
        match verdict:
            case RateLimited(code=code, retry_after_s=wait_s) if code == ORDERS_EXCEEDED:
                self.venue.budget.pause_orders(self._account, _now() + wait_s)
            case RateLimited(retry_after_s=wait_s):
                self.venue.budget.pause(_now() + wait_s)
            case OutcomeUnknown() | VenueUnreachable():
                self.venue.breaker.failed(_now())
            case _:
                self.venue.breaker.answered()


def _now() -> float:
    return asyncio.get_running_loop().time()


def _limits(told: Sequence[Mapping[str, Any]]) -> list[Limit]:
    """The limits that Binance states in its `exchangeInfo`."""
    return [
        Limit(_COUNTED[each["rateLimitType"]], each["limit"], each["intervalNum"] * _INTERVALS[each["interval"]])
        for each in told
        if each["rateLimitType"] in _COUNTED and each["interval"] in _INTERVALS
    ]
