"""A fleet to measure: private database, paper exchange, Ray and supervisor, and accounts put into the database."""

import asyncio
import os
import secrets
import shutil
import socket
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import psutil
from sqlalchemy import func, insert, select, update

from security.envelope import Binding, KeyRing
from storage.accounts import FLEET_CHANNEL
from storage.database import Database, Role
from storage.ids import new_id
from storage.notifications import notify
from storage.tables import Account, AccountRuntime, Credential, StrategyConfig, User
from tradefleet.customers import STRATEGIES, PaperAdmin
from tradefleet.fleet import kept_fleet, raise_database, raise_paper, raise_ray
from tradefleet.master_keys import with_master_keys
from tradefleet.settings import load_settings

MARK = "BENCH_PROCESS"
"""In the environment of everything that a bench starts."""


class FleetAddress(msgspec.Struct, frozen=True, kw_only=True):
    """All that is needed to reach a running fleet from another process."""

    database_url: str
    master_keys: str
    paper_url: str
    paper_token: str


class Fleet:
    """A running fleet, as far as it can be had from outside: its database and the paper exchange's own desk."""

    def __init__(self, address: FleetAddress) -> None:
        self.address = address
        self.database = Database(address.database_url, Role.FLEET)
        self.paper = PaperAdmin(address.paper_url, address.paper_token)
        self._ring = KeyRing.parse(address.master_keys)

    async def add_accounts(
        self, count: int, isolation: str = "dedicated", strategies: Sequence[tuple[str, Mapping[str, Any]]] = STRATEGIES
    ) -> list[str]:
        """Accounts with a key and a strategy, stopped as yet."""
        keys = await self.paper.open_accounts(count)
        user = new_id("usr")
        names = [new_id("acc") for _ in keys]
        async with self.database.transaction() as tx:
            await tx.execute(insert(User).values(id=user, email=f"{user}@bench.example", password_hash="", role="user"))
            for number, (name, key) in enumerate(zip(names, keys, strict=True)):
                strategy, params = strategies[number % len(strategies)]
                await self._add(tx, user, name, self._ring, key, strategy, params, isolation)
        return names

    async def _add(
        self,
        tx: Any,
        user: str,
        name: str,
        ring: KeyRing,
        key: Mapping[str, str],
        strategy: str,
        params: Mapping[str, Any],
        isolation: str,
    ) -> None:
        plain = msgspec.json.encode({"key": key["api_key"], "secret": key["secret"]})
        sealed = ring.seal(plain, Binding(user=user, account=name, venue="paper"))
        account = {"id": name, "user_id": user, "name": name, "venue": "paper", "mode": "paper", "isolation": isolation}
        await tx.execute(insert(Account).values(account))
        await tx.execute(
            insert(Credential).values(
                account_id=name,
                user_id=user,
                key_last4=key["api_key"][-4:],
                sealed=sealed.sealed,
                wrapped_key=sealed.wrapped_key,
                master_key_id=sealed.master_key_id,
            )
        )
        await tx.execute(
            insert(StrategyConfig).values(
                id=new_id("cfg"), account_id=name, user_id=user, version=1, strategy=strategy, params=dict(params)
            )
        )

    async def want(self, accounts: Sequence[str], state: str) -> None:
        async with self.database.transaction() as tx:
            await tx.execute(update(Account).where(Account.id.in_(accounts)).values(desired_state=state))
            await notify(tx, FLEET_CHANNEL)

    async def until(self, accounts: Sequence[str], state: str, timeout_s: float = 300) -> float:
        """Seconds until all of these were seen in that state."""
        began = time.perf_counter()
        statement = (
            select(func.count())
            .select_from(AccountRuntime)
            .where(AccountRuntime.account_id.in_(accounts), AccountRuntime.state == state)
        )
        async with asyncio.timeout(timeout_s):
            while True:
                async with self.database.transaction() as tx:
                    if await tx.scalar(statement) == len(accounts):
                        return time.perf_counter() - began
                await asyncio.sleep(0.02)


@asynccontextmanager
async def running_fleet(**changes: Any) -> AsyncIterator[Fleet]:
    """Everything but the API, on throw-away data; all of it ended with the block. `changes`: of the settings."""
    os.environ[MARK] = str(os.getpid())
    directory = _directory()
    settings = load_settings().model_copy(
        update={
            "data_dir": directory,
            "database_url": None,
            "database_url_file": None,
            "ray_address": None,
            "paper_port": free_port(),
            **changes,
        }
    )
    address = f"{settings.paper_host}:{settings.paper_port}"
    venue = msgspec.structs.replace(settings.venues[0], rest_url=f"http://{address}", stream_url=f"ws://{address}")
    settings = settings.model_copy(update={"venues": (venue,)})
    admin_token = secrets.token_urlsafe(32)
    async with AsyncExitStack() as stack:
        stack.callback(shutil.rmtree, directory, ignore_errors=True)
        settings = with_master_keys(settings)
        settings, _ = raise_database(settings, stack)
        await raise_paper(settings, admin_token, stack)
        raise_ray(settings, stack)
        assert settings.database_url is not None
        assert settings.master_keys is not None
        fleet = Fleet(
            FleetAddress(
                database_url=settings.database_url.get_secret_value(),
                master_keys=settings.master_keys.get_secret_value(),
                paper_url=f"http://{address}",
                paper_token=admin_token,
            )
        )
        stack.push_async_callback(fleet.database.close)
        await stack.enter_async_context(kept_fleet(settings))
        yield fleet


def _directory() -> Path:
    directory = Path(tempfile.mkdtemp(prefix="tf-bench-"))
    directory.chmod(0o755)  # run by root, the database server is `nobody`
    return directory


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def processes(name: str) -> list[psutil.Process]:
    """Those of this run that are called so. A forked worker is not below us, but has our mark."""
    return [process for process in psutil.process_iter() if _is_ours(process, name)]


def _is_ours(process: psutil.Process, name: str) -> bool:
    try:
        return name in " ".join(process.cmdline()) and process.environ().get(MARK) == str(os.getpid())
    except psutil.Error:
        return False


def pss_mb(process: psutil.Process) -> float:
    return float(process.memory_full_info().pss) / 1e6


def report(**figures: Any) -> None:
    """One JSON line: what was measured, beside its floor from the same run."""
    sys.stdout.write(msgspec.json.encode(figures).decode() + "\n")
