from typing import Any

import msgspec


class StrategyView(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    about: str
    """What it believes about the market."""
    params: dict[str, Any]
    """JSON schema of its params: forms and checks are made from it."""
