"""What can go wrong here: what a client did (`Refused`, in the venue's own codes and words) or an operator."""

from typing import Any


class PaperError(Exception):
    """Base of all. The message says what to do next and holds no secret."""


class BadSettings(PaperError):
    """A setting, a feed file or an admin request that cannot be used."""


class JournalBroken(PaperError):
    """The journal is somebody else's, in use, or damaged in its middle."""


class Refused(PaperError):
    """The venue's refusal, as the client gets it: `{"code": …, "msg": …}` under an HTTP status."""

    def __init__(self, code: int, message: str, status: int = 400, data: dict[str, Any] | None = None) -> None:
        super().__init__(f"{message} ({code})")
        self.code = code
        self.message = message
        self.status = status
        self.data = data

    @property
    def body(self) -> dict[str, Any]:
        body: dict[str, Any] = {"code": self.code, "msg": self.message}
        return body if self.data is None else body | {"data": self.data}


def missing(name: str) -> Refused:
    return Refused(-1102, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed.")


def illegal(name: str, legal: str) -> Refused:
    return Refused(-1100, f"Illegal characters found in parameter '{name}'; legal range is '{legal}'.")


def too_precise(name: str) -> Refused:
    return Refused(-1111, f"Parameter '{name}' has too much precision.")


def not_required(name: str) -> Refused:
    return Refused(-1106, f"Parameter '{name}' sent when not required.")


def invalid(name: str) -> Refused:
    return Refused(-1130, f"Data sent for parameter '{name}' is not valid.")


def failed_filter(name: str) -> Refused:
    return Refused(-1013, f"Filter failure: {name}")


def rejected(message: str) -> Refused:
    return Refused(-2010, message)


INVALID_SYMBOL = "Invalid symbol."
INSUFFICIENT_BALANCE = "Account has insufficient balance for requested action."
DUPLICATE_ORDER = "Duplicate order sent."
WOULD_TAKE = "Order would immediately match and take."
WOULD_TRIGGER = "Order would trigger immediately."
MARKET_CLOSED = "Market is closed."
UNKNOWN_ORDER = "Unknown order sent."
RESTRICTED = "Order was not canceled due to cancel restrictions."
BAD_RELATION = "The relationship of the prices for the orders is not correct."
NO_SUCH_ORDER = "Order does not exist."
