"""The way into ccxt that every call takes: what goes wrong comes out as one of our errors, and nothing else."""

from collections.abc import Awaitable
from typing import Any

from exchanges import verdicts
from exchanges.errors import VenueError


async def ask(request: Awaitable[Any]) -> Any:
    try:
        return await request
    except VenueError:
        raise
    except Exception as error:  # noqa: BLE001 -- judged, and raised again
        verdict = verdicts.on_exception(error)
    # Raised outside of the handler, so that ccxt's exception, which may quote a signed address, is not its context.
    raise verdict
