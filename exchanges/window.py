"""How much was used lately. Pure: time is an argument."""

from collections import deque

from exchanges.limits import Lane, Limit


class Window:
    """How much was used in the last interval, wherever the venue's own interval may begin.

    Counts in sixtieths of the interval, each kept until its last moment is out, and one longer for the way there: so
    it never counts less than the venue does.
    """

    PARTS = 60

    def __init__(self, limit: Limit) -> None:
        self.limit = limit
        self._grain_s = limit.interval_s / self.PARTS
        self._parts: deque[tuple[int, list[int]]] = deque()
        self._used = [0] * len(Lane)

    def used(self, now: float) -> int:
        self._forget(now)
        return sum(self._used)

    def used_by(self, lane: Lane, now: float) -> int:
        self._forget(now)
        return self._used[lane]

    def add(self, lane: Lane, amount: int, now: float) -> None:
        part = int(now // self._grain_s)
        if not self._parts or self._parts[-1][0] < part:
            self._parts.append((part, [0] * len(Lane)))
        self._parts[-1][1][lane] += amount
        self._used[lane] += amount

    def _forget(self, now: float) -> None:
        while self._parts and (self._parts[0][0] + self.PARTS + 2) * self._grain_s <= now:
            _, amounts = self._parts.popleft()
            self._used = [used - amount for used, amount in zip(self._used, amounts, strict=True)]
