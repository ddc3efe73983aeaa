"""How often something may be done: the generic cell rate algorithm, one figure per key, time given by the caller."""

import msgspec


class Rate(msgspec.Struct, frozen=True, kw_only=True):
    """`burst` at once, then one every `every_s`."""

    burst: int
    every_s: float


class RateLimiter:
    """Counts per process. Forgets a key as soon as it says nothing any more, so memory follows the traffic."""

    def __init__(self, *, keys_max: int = 100_000) -> None:
        self._free_at: dict[str, float] = {}
        self._keys_max = keys_max

    def take(self, key: str, rate: Rate, now_s: float) -> float:
        """Use one. Answers how long to wait when there is none left (nothing is used then), else 0."""
        free_at = max(self._free_at.get(key, now_s), now_s) + rate.every_s
        wait_s = free_at - now_s - rate.burst * rate.every_s
        # A hair of tolerance: repeated addition of seconds is not exact.
        if wait_s > 1e-6:
            return wait_s
        if key not in self._free_at and len(self._free_at) >= self._keys_max:
            self._forget(now_s)
        self._free_at[key] = free_at
        return 0.0

    def give_back(self, key: str, rate: Rate) -> None:
        """What was taken for this turned out well: it does not count."""
        if key in self._free_at:
            self._free_at[key] -= rate.every_s

    def _forget(self, now_s: float) -> None:
        self._free_at = {key: free_at for key, free_at in self._free_at.items() if free_at > now_s}
        # All of them still count: somebody spreads over keys. Drop the oldest half, the least restrained.
        if len(self._free_at) >= self._keys_max:
            newest = sorted(self._free_at, key=self._free_at.__getitem__)[self._keys_max // 2 :]
            self._free_at = {key: self._free_at[key] for key in newest}
