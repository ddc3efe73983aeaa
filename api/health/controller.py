"""`/health`, `/ready`, `/api/v1/meta`."""

import msgspec
from litestar import get
from litestar.di import NamedDependency
from sqlalchemy import select, text

from api.identity.guard import OPEN
from api.settings import ApiSettings
from storage.database import Database


class Health(msgspec.Struct, frozen=True):
    status: str


class VenueView(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    modes: list[str]


class Meta(msgspec.Struct, frozen=True, kw_only=True):
    """What this installation offers, so that no client has to guess it from a version."""

    name: str
    version: str
    registration_open: bool
    venues: list[VenueView]
    features: list[str]


@get("/health", opt={**OPEN, "exclude_from_auth": True}, tags=["Health"], operation_id="health", cache=False)
async def health() -> Health:
    """This process answers. Restart it when this does not."""
    return Health("ok")


@get("/ready", opt={**OPEN, "exclude_from_auth": True}, tags=["Health"], operation_id="ready")
async def ready(database: NamedDependency[Database]) -> Health:
    """The database answers too: send it requests."""
    async with database.transaction() as tx:
        await tx.execute(select(text("1")))
    return Health("ok")


@get("/meta", opt={**OPEN, "exclude_from_auth": True}, tags=["Health"], operation_id="meta")
async def meta(settings: NamedDependency[ApiSettings]) -> Meta:
    return Meta(
        name="tradefleet",
        version=settings.version,
        registration_open=settings.registration_open,
        venues=[VenueView(name=venue.name, modes=list(venue.modes)) for venue in settings.venues],
        features=["accounts", "credentials", "strategies", "history", "tokens", "audit"],
    )
