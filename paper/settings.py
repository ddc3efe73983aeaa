"""What an operator may choose about a paper exchange."""

from pathlib import Path
from typing import Literal

import msgspec

from paper.errors import BadSettings
from paper.limits import Limits
from paper.markets import DEFAULT_MARKETS, Market

FeedName = Literal["synthetic", "replay", "live", "none"]


class PaperSettings(msgspec.Struct, frozen=True, kw_only=True):
    host: str = "127.0.0.1"
    port: int = 0
    """0 takes a free one."""
    feed: FeedName = "synthetic"
    replay: Path | None = None
    """The recording that feed `replay` plays."""
    seed: int = 1
    steps_per_s: float = 5.0
    speed: float = 30.0
    """How many times faster than a real one a synthetic market lives, or a recording is played."""
    history_minutes: int = 2880
    """How far back a synthetic market has candles from before it began."""
    journal: Path | None = None
    """None keeps everything in memory only."""
    admin_token: str | None = None
    """Who knows it may use `/_paper/`. None makes one for this run."""
    limits: Limits = Limits()
    faults: Path | None = None
    """A script of what shall go wrong, in the form that `POST /_paper/faults` takes."""
    markets: tuple[Market, ...] = DEFAULT_MARKETS

    def __post_init__(self) -> None:
        if not 0 <= self.port <= 65535:
            raise BadSettings(f"port {self.port} is not between 0 and 65535")
        if not 0 < self.steps_per_s <= 100:
            raise BadSettings(f"steps_per_s {self.steps_per_s} is not between 0 and 100")
        if not 0 < self.speed <= 10_000:
            raise BadSettings(f"speed {self.speed} is not between 0 and 10000")
        if (self.feed == "replay") != (self.replay is not None):
            raise BadSettings("feed replay needs a recording to replay, and no other feed takes one")
        if len({market.symbol for market in self.markets}) != len(self.markets) or not self.markets:
            raise BadSettings("every market needs a symbol of its own, and there must be at least one")

    def __repr__(self) -> str:
        return f"PaperSettings({self.host}:{self.port}, feed {self.feed}, seed {self.seed})"
