"""What can go wrong at a venue, split by the one question that matters: do we know the outcome?"""


class VenueError(Exception):
    """Base of all. The message is safe to show: no key, no signature, no signed address."""


class OutcomeKnown(VenueError):
    """The venue answered, or we never sent: nothing happened that we do not know of."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(code, reason)
        self.code = code
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.reason} ({self.code})" if self.code else self.reason


class OrderRefused(OutcomeKnown):
    """The venue does not accept this request. An order so answered does not exist there."""


class OrderNotFound(OutcomeKnown):
    """The venue has no such order (for a cancellation: none that is open)."""


class KeyRefused(OutcomeKnown):
    """The key is wrong, expired, not allowed to do this or from this address."""


class RateLimited(OutcomeKnown):
    """Told to slow down, by the venue or by our own budget. Nothing may be sent before `retry_after_s` have passed."""

    def __init__(self, code: str, reason: str, retry_after_s: float) -> None:
        super().__init__(code, reason)
        self.args = (code, reason, retry_after_s)  # what pickling passes back in
        self.retry_after_s = retry_after_s


class ClockSkewed(OutcomeKnown):
    """The venue refused our timestamp. Measure the offset again, then try again."""


class OutcomeUnknown(VenueError):
    """Sent, and no answer that settles it: a time-out, a cut connection, a 5xx, a body that does not parse.

    For an order this means that it may exist. It is never sent again; it is asked for by its client order id.
    """


class VenueUnreachable(OutcomeKnown):
    """The connection was never made, so nothing was sent."""


class UnsupportedVenue(OutcomeKnown):
    """There is no such exchange in ccxt, or it cannot do what is asked of it."""


class Unparsable(OutcomeUnknown):
    """The venue answered something that we do not understand."""


class StreamLost(VenueError):
    """A live stream ended, or went silent longer than it may."""
