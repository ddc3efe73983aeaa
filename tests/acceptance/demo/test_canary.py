"""A customer's exchange secret, put in over the API, is found nowhere afterwards."""

import base64
import secrets
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import psycopg
import pytest
from psycopg import sql
from sqlalchemy import text

from storage.database import Database
from tests.demo_process import DemoProcess, until
from tradefleet.customers import STRATEGIES, Customer

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


def disguises(secret: str) -> Iterator[bytes]:
    plain = secret.encode()
    yield plain
    yield plain.hex().encode()
    yield quote(secret, safe="").encode()
    # Base64 of a secret inside a longer text looks different at each of three offsets.
    for offset in range(3):
        yield base64.b64encode(b"\0" * offset + plain)[4:-4]


async def test_a_secret_is_nowhere_in_the_database_the_logs_or_rays_folders(demo: DemoProcess) -> None:
    canary = {"api_key": secrets.token_hex(32), "secret": f"canary/{secrets.token_urlsafe(32)}+="}
    demo.start("--accounts", "2")
    await demo.until_ready()
    opened = (await demo.paper.open_accounts(1))[0]
    async with Customer(demo.api) as customer:
        await customer.register("eve@example.com", "correct horse battery staple")
        await customer.log_in("eve@example.com", "correct horse battery staple")
        strategy, params = STRATEGIES[0]
        working = await customer.open_account("works", opened, strategy, params)
        wrong = await customer.open_account("key of nobody", canary, strategy, params)
        await customer.start(working)
        await customer.start(wrong)
        async with demo.database() as database:
            await until(lambda: _state(database, working, "running"), 60)
            # A key that the venue refuses takes the way of errors, where secrets like to leak.
            await until(lambda: _state(database, wrong, "quarantined"), 60)
    searched: list[Path | bytes] = [*_files(demo), _dump(demo)]
    assert len(searched) > 20
    for secret in (canary["secret"], opened["secret"]):
        for disguise in disguises(secret):
            found = [str(where) for where in searched if disguise in _content(where)]
            # The paper exchange gave the second one out and needs it to check signatures: its journal is the venue's.
            assert [where for where in found if "/paper/journal" not in where] == []


async def _state(database: Database, account: str, state: str) -> bool:
    async with database.transaction() as tx:
        found = await tx.scalar(
            text("SELECT state FROM account_runtime WHERE account_id = :account"), {"account": account}
        )
    return bool(found == state)


def _files(demo: DemoProcess) -> list[Path]:
    """Everything that the demo keeps on disk: data, logs, output, and Ray's session folder."""
    ray = Path(next(word for word in demo.said.split() if "/session_latest/logs" in word)).parents[1]
    folders = [demo.directory, ray]
    return [path for folder in folders for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]


def _dump(demo: DemoProcess) -> bytes:
    """All rows of all tables, as text. What is in the database's files is among the files."""
    with psycopg.connect(demo.database_url) as connection:
        tables = connection.execute(
            "SELECT table_schema, table_name FROM information_schema.tables WHERE table_type = 'BASE TABLE'"
        ).fetchall()
        assert ("public", "credentials") in tables
        rows = bytearray()
        for schema, table in tables:
            copy = sql.SQL("COPY (SELECT * FROM {}) TO STDOUT").format(sql.Identifier(schema, table))
            with connection.cursor().copy(copy) as copied:
                for block in copied:
                    rows += block
    return bytes(rows)


def _content(where: Path | bytes) -> bytes:
    return where if isinstance(where, bytes) else where.read_bytes()
