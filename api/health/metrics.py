"""Figures for Prometheus: how requests go, and what the fleet is doing. For staff: scrape with a token of theirs."""

from litestar import Response, get
from litestar.di import NamedDependency
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from sqlalchemy.ext.asyncio import AsyncConnection

from api.identity.guard import FOR_STAFF
from api.live.feed import Feed
from storage.accounts import count_accounts

METHODS = frozenset({"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"})
BUCKETS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10)


class Metrics:
    """One object an application; nothing is kept in the library's global register."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._requests = Counter(
            "tradefleet_api_requests", "Requests answered.", ("method", "route", "status"), registry=self.registry
        )
        self._latency_s = Histogram(
            "tradefleet_api_latency_seconds",
            "From the first byte of a request to the last of its answer.",
            ("method", "route"),
            registry=self.registry,
            buckets=BUCKETS_S,
        )
        self.watchers = Gauge("tradefleet_api_watchers", "Streams that are open.", registry=self.registry)
        self.accounts = Gauge(
            "tradefleet_accounts",
            "Accounts by mode, by what they should be doing and by what the fleet last said.",
            ("mode", "desired_state", "state"),
            registry=self.registry,
        )

    def observe(self, method: str, route: str, status: int, took_s: float) -> None:
        # A client may call its method anything, and each label is kept for ever.
        method = method if method in METHODS else "other"
        self._requests.labels(method, route, status).inc()
        self._latency_s.labels(method, route).observe(took_s)


@get("/metrics", opt=FOR_STAFF, tags=["Health"], operation_id="metrics", media_type="text/plain")
async def metrics_page(
    tx: NamedDependency[AsyncConnection], metrics: NamedDependency[Metrics], feed: NamedDependency[Feed]
) -> Response[bytes]:
    """In the text format of Prometheus."""
    metrics.watchers.set(feed.watching)
    metrics.accounts.clear()
    for count in await count_accounts(tx):
        metrics.accounts.labels(count.mode, count.desired_state, count.state).set(count.accounts)
    return Response(generate_latest(metrics.registry), media_type=CONTENT_TYPE_PLAIN_0_0_4)
