"""A circuit breaker: leave a venue alone that does not answer. Pure: time is an argument."""

FAILURES_MAX = 5
PAUSE_FIRST_S = 0.5
PAUSE_MOST_S = 5.0


class Breaker:
    """Opens after several failures in a row, lets one request through after each pause, closes with the first answer.

    The pause doubles while the venue stays away. Any answer counts, a refusal too: it is silence that opens it.
    """

    def __init__(self) -> None:
        self._failures = 0
        self._pause_s = PAUSE_FIRST_S
        self._open_until: float | None = None
        self._trying = False

    def allows(self, now: float) -> bool:
        """Whether a request may go. After a pause the first who asks is the one that tries."""
        if self._open_until is None:
            return True
        if now < self._open_until:
            return False
        self._trying = True
        self._open_until = now + self._pause_s
        return True

    def failed(self, now: float) -> None:
        self._failures += 1
        if self._trying:
            self._trying = False
            self._pause_s = min(self._pause_s * 2, PAUSE_MOST_S)
            self._open_until = now + self._pause_s
        elif self._open_until is None and self._failures >= FAILURES_MAX:
            self._open_until = now + self._pause_s

    def answered(self) -> None:
        self._failures = 0
        self._pause_s = PAUSE_FIRST_S
        self._open_until = None
        self._trying = False
