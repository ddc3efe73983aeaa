"""The request budget of one egress address: who may send next, and when. Pure: time is an argument.

A venue counts request weight per address and orders per account. Everyone on an address shares one budget, so a
tenant who asks for much must not hold up the others, and nobody's reading must hold up a cancellation.
"""

from collections import deque
from collections.abc import Iterable

from exchanges.limits import SHARES, Lane, Limit, Request
from exchanges.window import Window


class RequestBudget:
    """Grants requests one by one: the most urgent lane first, and in a lane whoever has had least.

    Never more than the limits in any interval, as far as what others send from this address is known.
    """

    def __init__(self, limits: Iterable[Limit]) -> None:
        self._shared: list[Window] = []
        self._order_limits: list[Limit] = []
        self._orders: dict[str, list[Window]] = {}
        self._waiting: dict[Lane, dict[str, deque[Request]]] = {lane: {} for lane in Lane}
        self._served: dict[tuple[Lane, str], float] = {}
        self._progress = dict.fromkeys(Lane, 0.0)
        self._paused_until = 0.0
        self._paused_accounts: dict[str, float] = {}
        self.set_limits(limits)

    def set_limits(self, limits: Iterable[Limit]) -> None:
        """What was used so far still counts against the new limits."""
        limits = list(limits)
        known = {(window.limit.counted, window.limit.interval_s): window for window in self._shared}
        shared = [limit for limit in limits if limit.counted != "orders"]
        self._shared = [known.get((limit.counted, limit.interval_s)) or Window(limit) for limit in shared]
        for window, limit in zip(self._shared, shared, strict=True):
            window.limit = limit
        order_limits = [limit for limit in limits if limit.counted == "orders"]
        if order_limits != self._order_limits:
            self._order_limits = order_limits
            self._orders.clear()

    def ask(self, request: Request) -> None:
        """Take a place in the queue."""
        for window in self._shared:
            if request.amount(window.limit.counted) > SHARES[request.lane].own * window.limit.amount:
                raise ValueError(f"a {request.lane.name} request of {request.weight} never fits {window.limit}")
        queue = self._waiting[request.lane].setdefault(request.tenant, deque())
        if not queue:
            # Whoever comes back does not find its silence saved up: it starts level with those who wait.
            key = request.lane, request.tenant
            self._served[key] = max(self._served.get(key, 0.0), self._progress[request.lane])
        queue.append(request)

    def withdraw(self, request: Request) -> None:
        """Leave the queue. Nothing happens if it was granted already."""
        tenants = self._waiting[request.lane]
        queue = tenants.get(request.tenant)
        if queue is not None and request in queue:
            queue.remove(request)
            if not queue:
                del tenants[request.tenant]

    def grant(self, now: float) -> Request | None:
        """The one request that may leave now, if any may."""
        if now < self._paused_until:
            return None
        for lane in Lane:
            request = self._next_of(lane, now)
            if request is None:
                continue
            if not all(self._fits_whole(window, request, now) for window in self._shared):
                # Nothing less urgent slips past a request that waits for room, however small it is.
                return None
            if all(self._fits_lane(window, request, now) for window in self._shared):
                self._take(request, now)
                return request
        return None

    def pause(self, until: float) -> None:
        """The venue said to stop. Nobody sends before then."""
        self._paused_until = max(self._paused_until, until)

    def pause_orders(self, account: str, until: float) -> None:
        """The venue said that this account sends too many orders. The others go on."""
        self._paused_accounts[account] = max(self._paused_accounts.get(account, 0.0), until)

    def correct(self, used: int, interval_s: float, now: float) -> None:
        """The venue says how much weight this address has used. What we do not know of, somebody else sent."""
        for window in self._shared:
            if window.limit.counted == "weight" and window.limit.interval_s == interval_s:
                window.add(Lane.CANCEL, max(used - window.used(now), 0), now)

    def correct_orders(self, account: str, used: int, interval_s: float, now: float) -> None:
        for window in self._orders_of(account):
            if window.limit.interval_s == interval_s:
                window.add(Lane.CANCEL, max(used - window.used(now), 0), now)

    def waiting(self) -> dict[Lane, int]:
        return {lane: sum(map(len, tenants.values())) for lane, tenants in self._waiting.items()}

    def used(self, now: float) -> dict[Limit, int]:
        return {window.limit: window.used(now) for window in self._shared}

    def _next_of(self, lane: Lane, now: float) -> Request | None:
        """Of the tenant that has had least in this lane, among those whose accounts may send."""
        tenants = self._waiting[lane]
        for tenant in sorted(tenants, key=lambda tenant: self._served[lane, tenant]):
            for request in tenants[tenant]:
                if request.orders == 0 or self._may_order(request, now):
                    return request
        return None

    def _may_order(self, request: Request, now: float) -> bool:
        if now < self._paused_accounts.get(request.account, 0.0):
            return False
        share = SHARES[request.lane].whole
        return all(
            window.used(now) + request.orders <= share * window.limit.amount
            for window in self._orders_of(request.account)
        )

    def _fits_whole(self, window: Window, request: Request, now: float) -> bool:
        amount = request.amount(window.limit.counted)
        return window.used(now) + amount <= SHARES[request.lane].whole * window.limit.amount

    def _fits_lane(self, window: Window, request: Request, now: float) -> bool:
        amount = request.amount(window.limit.counted)
        return window.used_by(request.lane, now) + amount <= SHARES[request.lane].own * window.limit.amount

    def _take(self, request: Request, now: float) -> None:
        self.withdraw(request)
        key = request.lane, request.tenant
        self._progress[request.lane] = self._served[key]
        self._served[key] += request.weight
        for window in self._shared:
            window.add(request.lane, request.amount(window.limit.counted), now)
        if request.orders:
            for window in self._orders_of(request.account):
                window.add(request.lane, request.orders, now)

    def _orders_of(self, account: str) -> list[Window]:
        if account not in self._orders:
            self._orders[account] = [Window(limit) for limit in self._order_limits]
        return self._orders[account]
