from datetime import datetime
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from api.paging import Page


class PutConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    strategy: Annotated[str, Meta(min_length=1, max_length=64)]
    params: dict[str, Any] = {}
    """By the strategy's JSON schema; amounts as strings."""


class Config(msgspec.Struct, frozen=True, kw_only=True):
    version: int
    strategy: str
    params: dict[str, Any]
    created_at: datetime


class ConfigPage(Page, frozen=True, kw_only=True):
    items: list[Config]
