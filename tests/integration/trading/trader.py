"""A trader on that gateway: decides, and performs what it decided at once. `actors.trader` without its tasks."""

from collections.abc import Mapping
from typing import Any

from indicators.series import Series
from tests.integration.trading.gateway import Gateway
from trading.decide import begin, decide
from trading.events import (
    Assignment,
    CancelOrders,
    Decision,
    Event,
    QuoteChanged,
    ReadingChanged,
    Record,
    RequestResync,
    Resynced,
    SaveCheckpoint,
    SubmitOrders,
    TimePassed,
)
from trading.ids import AccountId, Epoch, RunId, Symbol, UserId, VenueName
from trading.timeframes import Timeframe


class Trader:
    def __init__(
        self, gateway: Gateway, strategy: str, params: Mapping[str, Any], limits: Mapping[str, Any] | None = None
    ) -> None:
        self.gateway = gateway
        self.assignment = Assignment(
            account=AccountId("acc_ada"),
            user=UserId("usr_ada"),
            venue=VenueName("paper"),
            run=RunId("run_1"),
            strategy=strategy,
            params=params,
            epoch=Epoch(1),
            limits=limits or {},
        )
        self.records: list[Record] = []
        self.state = begin(self.assignment)
        self._series: dict[tuple[Symbol, Timeframe], Series] = {}
        for feed in self.state.needs.feeds:
            key = feed.symbol, Timeframe(feed.timeframe)
            self._series.setdefault(key, Series(*key)).follow(
                other for other in self.state.needs.feeds if (other.symbol, other.timeframe) == key
            )
        self.resync()

    def resync(self) -> None:
        self.hear(Resynced(self.gateway.snapshot()))

    def crash(self) -> None:
        """Forget all that was not saved, and recover."""
        self.gateway.post.clear()
        self.state = begin(self.assignment)
        self.resync()
        self.look()

    def look(self) -> None:
        """See the market as it is now, hear all that there is to hear, and all that follows from it."""
        for symbol in self.state.needs.symbols:
            self.hear(QuoteChanged(self.gateway.engine.quote(symbol)))
        for (symbol, timeframe), series in self._series.items():
            newest = series.newest
            if newest is None or timeframe.replaced_at(newest) <= self.gateway.engine.now:
                candles = self.gateway.engine.candles(symbol, timeframe, newest)
                if (reading := series.take(candles, self.gateway.engine.now)) is not None:
                    self.hear(ReadingChanged(reading))
        self.hear(TimePassed())
        self.settle()

    def settle(self) -> None:
        """With a stream that loses nothing: hear until nobody has anything to say."""
        self.gateway.listen()
        while self.gateway.post:
            self.deliver()
            self.gateway.listen()

    def deliver(self) -> None:
        while self.gateway.post:
            self.hear(self.gateway.post.pop(0))

    def hear(self, event: Event) -> None:
        self.state, decisions = decide(self.state, event, self.gateway.engine.now)
        for decision in decisions:
            self._perform(decision)

    def _perform(self, decision: Decision) -> None:
        match decision:
            case SubmitOrders():
                self.gateway.submit(decision)
            case CancelOrders(orders):
                self.gateway.cancel(orders)
            case SaveCheckpoint(checkpoint):
                self.gateway.save(checkpoint)
            case RequestResync():
                self.gateway.post.append(Resynced(self.gateway.snapshot()))
            case Record():
                self.records.append(decision)
            case other:
                raise AssertionError(f"nobody asked for {other}")
