"""The way into ccxt that every call takes: what goes wrong comes out as one of our errors, and nothing else."""

from collections.abc import Awaitable
from typing import Any

from exchanges import verdicts
from exchanges.errors import VenueError


async def ask(request: Awaitable[Any]) -> Any:
    verdict: VenueError
    try:
        return await request
    except VenueError as error:
        verdict = error
    except Exception as error:  # noqa: BLE001 -- judged, and raised again
        verdict = verdicts.on_exception(error)
    # Raised anew, outside of the handler: ccxt's exceptions quote the signed address and its frames hold the key, and
    # neither may be in reach of whoever prints this error with its context and its traceback's variables.
    raise verdict.with_traceback(None)
