"""What a venue's answer means, or the lack of one. The question is always: do we know the outcome?

An HTTP status says more than ccxt's exception classes do: `ExchangeNotAvailable` covers a refused connection, where
nothing was sent, as well as a 502, where an order may have been filled. So the status is judged first, then the
venue's own code, and ccxt's class only for what is left.
"""

import re
import socket
from collections.abc import Mapping
from typing import Any

import aiohttp

from exchanges.errors import (
    ClockSkewed,
    KeyRefused,
    OrderNotFound,
    OrderRefused,
    OutcomeUnknown,
    RateLimited,
    Unparsable,
    VenueError,
    VenueUnreachable,
)

RETRY_AFTER_DEFAULT_S = 60.0
REASON_LENGTH_MAX = 300

_UNKNOWN_CODES = frozenset({-1000, -1001, -1006, -1007})
"""Binance: "execution status unknown", or an internal error that does not say."""
_KEY_CODES = frozenset({-1002, -1022, -1099, -2008, -2014, -2015})
_RATE_CODES = frozenset({-1003, -1015})


def on_answer(status: int, headers: Mapping[str, str], answer: Any, text: str) -> VenueError | None:
    """Judge an answer that arrived whole. None: no error that we know; ccxt may know more."""
    code, reason = _code_and_reason(answer, text)
    label = str(code) if code is not None else str(status)
    if status in (418, 429) or code in _RATE_CODES or (status == 403 and answer is None):
        # 403 without a body of its own is Binance's firewall: too many requests of a bad kind.
        return RateLimited(label, reason or "the venue says to slow down", _retry_after_s(headers))
    if status >= 500 or status == 408 or code in _UNKNOWN_CODES:
        return OutcomeUnknown(f"the venue failed with {label}: {reason}")
    if code is not None:
        return _on_code(code, reason)
    if answer is None and status < 400:
        return Unparsable("the venue answered something that is not whole JSON")
    return None


def on_status(status: int, answer: Any, text: str) -> VenueError | None:
    """Judge an answer that neither its code nor ccxt explains."""
    if status < 400:
        return None
    _, reason = _code_and_reason(answer, text)
    return OrderRefused(str(status), reason or "the venue refused the request")


def on_transport(cause: BaseException | None) -> VenueError:
    """Judge a request that got no whole answer. Only a connection that was never made proves that nothing was sent."""
    name = type(cause).__name__
    if isinstance(cause, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError | socket.gaierror):
        return VenueUnreachable("", f"no connection to the venue ({name})")
    return OutcomeUnknown(f"sent, but no whole answer came back ({name})")


def on_exception(error: Exception) -> VenueError:
    """Judge what ccxt raised, by its class. The text of its own exceptions may hold a signed address: not repeated."""
    if isinstance(error.__cause__, aiohttp.ClientError | TimeoutError | OSError):
        return on_transport(error.__cause__)
    names = {cls.__name__ for cls in type(error).__mro__}
    if isinstance(error.__context__, VenueError):
        return error.__context__  # our own verdict, over which ccxt then stumbled
    if "BaseError" not in names:
        unparsable = Unparsable(f"ccxt stumbled over the venue's answer ({type(error).__name__})")
        unparsable.__cause__ = error
        return unparsable
    reason = f"the venue refused ({type(error).__name__})"
    if names & {"OrderNotFound", "OrderNotCached"}:
        return OrderNotFound("", "the venue has no such order")
    if names & {"AuthenticationError"}:
        return KeyRefused("", reason)
    if names & {"DDoSProtection", "RateLimitExceeded"}:
        return RateLimited("", "the venue says to slow down", RETRY_AFTER_DEFAULT_S)
    if names & {"InvalidNonce"}:
        return ClockSkewed("", "the venue refused our timestamp")
    if names & {"ExchangeClosedByUser"}:
        return VenueUnreachable("", "our connection to the venue is closed")
    if names & {"BadResponse"}:
        return Unparsable("the venue answered something that ccxt does not understand")
    if "DuplicateOrderId" not in names and names & _REFUSALS:
        return OrderRefused(type(error).__name__, reason)
    # A bare ExchangeError may hide anything, and a duplicate client id means that such an order does exist.
    return OutcomeUnknown(f"the venue's answer does not settle it ({type(error).__name__})")


_REFUSALS = {
    "ArgumentsRequired",
    "BadRequest",
    "InsufficientFunds",
    "InvalidAddress",
    "InvalidOrder",
    "NotSupported",
    "OperationRejected",
}


def _on_code(code: int, reason: str) -> VenueError:
    """Binance's codes, in its own words: https://developers.binance.com/docs/binance-spot-api-docs/errors"""
    label = str(code)
    if code in _KEY_CODES:
        return KeyRefused(label, reason)
    if code == -1021:
        return ClockSkewed(label, reason)
    if code == -2013 or (code == -2011 and "unknown order" in reason.lower()):
        return OrderNotFound(label, reason)
    if code == -2010 and "duplicate order" in reason.lower():
        # It refused this one because one of that name is open: the order does exist.
        return OutcomeUnknown(f"{reason} ({label})")
    return OrderRefused(label, reason)


def _code_and_reason(answer: Any, text: str) -> tuple[int | None, str]:
    if isinstance(answer, dict) and isinstance(answer.get("code"), int) and answer["code"] < 0 and "msg" in answer:
        return answer["code"], _safe(str(answer["msg"]))
    return None, _safe(re.sub(r"<[^>]*>", " ", text).strip().split("\n", 1)[0])


def _safe(text: str) -> str:
    """An error page may quote our request: anything as long as a key or a signature is starred out."""
    return re.sub(r"[\w%+/=-]{40,}", "***", text)[:REASON_LENGTH_MAX]


def _retry_after_s(headers: Mapping[str, str]) -> float:
    for name, value in headers.items():
        if name.lower() == "retry-after":
            try:
                return max(float(value), 0.0)
            except ValueError:
                break
    return RETRY_AFTER_DEFAULT_S
