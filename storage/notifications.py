"""`NOTIFY` and `LISTEN`: how one process tells others that something was committed."""

import asyncio
from collections.abc import AsyncGenerator

import psycopg
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from storage.database import parse_url

SILENCE_S_MAX = 30
RECONNECT_S_MIN = 0.1
RECONNECT_S_MAX = 5.0
CONNECT_TIMEOUT_S = 5
EVENTS = "events"
"""The channel that says that the outbox has grown. Its payload is the user whose events they are."""


async def notify(tx: AsyncConnection, channel: str, payload: str = "") -> None:
    """Tell the listeners when this transaction commits; the same words twice in one transaction are heard once."""
    await tx.execute(select(func.pg_notify(channel, payload)))


async def listen(url: str, channel: str, *, silence_s_max: float = SILENCE_S_MAX) -> AsyncGenerator[str]:
    """What is said on a channel, for ever, over as many connections as it takes.

    Each new connection first brings an empty word: something may have been said before that nobody heard, so look.
    A connection that has been silent for long is asked whether it still lives.
    """
    address = parse_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    pause_s = RECONNECT_S_MIN
    while True:
        try:
            connection = await psycopg.AsyncConnection.connect(
                address, autocommit=True, connect_timeout=CONNECT_TIMEOUT_S, application_name="tradefleet listen"
            )
            async with connection:
                await connection.execute(psycopg.sql.SQL("LISTEN {}").format(psycopg.sql.Identifier(channel)))
                yield ""
                pause_s = RECONNECT_S_MIN
                while True:
                    async for heard in connection.notifies(timeout=silence_s_max):
                        yield heard.payload
                    await asyncio.wait_for(connection.execute("SELECT 1"), CONNECT_TIMEOUT_S)
        except (psycopg.OperationalError, TimeoutError):
            await asyncio.sleep(pause_s)
            pause_s = min(pause_s * 2, RECONNECT_S_MAX)
