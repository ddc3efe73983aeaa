"""The demo: the whole product on this machine, on paper money, from nothing to filled orders and back to nothing."""

import asyncio
import fcntl
import os
import secrets
import shutil
import sys
import time
import webbrowser
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, nullcontext, suppress
from pathlib import Path

import msgspec
from rich.console import Console
from sqlalchemy import func, select

from api.identity.service import make_sign_in_link
from storage.database import Database, Role
from storage.tables import AccountRuntime, FillRow, OrderIntent
from storage.users import find_user_by_email
from tradefleet.children import Child
from tradefleet.customers import DemoFailed, PaperAdmin, Passwords, bring_customers
from tradefleet.demo_options import DemoOptions
from tradefleet.fleet import (
    Keeper,
    Stop,
    check_port,
    kept_fleet,
    raise_api,
    raise_database,
    raise_paper,
    raise_ray,
)
from tradefleet.master_keys import with_master_keys
from tradefleet.settings import Settings, SettingsError
from tradefleet.steps import Steps
from tradefleet.users import create_user
from trading.ids import UserId, VenueName

RUNNING_TIMEOUT_S = 120.0
LOOK_INTERVAL_S = 1.0
SETTLE_TIMEOUT_S = 20.0
PLAIN_LINE_INTERVAL_S = 10.0
INTERRUPTED = 130
ADMIN = "olga@demo.example"


class Tally(msgspec.Struct, frozen=True, kw_only=True):
    """The demo in figures, all read from the database and the venue, none counted on the side."""

    running: int = 0
    orders_sent: int = 0
    fills_in_hypertable: int = 0
    quarantined: int = 0


class Demo:
    """A running demo: its parts, and what they have done so far."""

    def __init__(
        self,
        *,
        settings: Settings,
        database: Database,
        paper: PaperAdmin,
        children: dict[str, Child],
        keeper: Keeper,
        sign_in_link: str,
        admin_link: str,
        edition: str | None,
    ) -> None:
        self.settings = settings
        self.database = database
        self.paper = paper
        self.children = children
        self.keeper = keeper
        self.sign_in_link = sign_in_link
        self.admin_link = admin_link
        self.edition = edition
        self.startup_s = 0.0

    async def tally(self) -> Tally:
        async with self.database.transaction() as tx:
            counted = select(AccountRuntime.state, func.count()).group_by(AccountRuntime.state)
            states = dict((await tx.execute(counted)).tuples().all())
            return Tally(
                running=states.get("running", 0),
                quarantined=states.get("quarantined", 0),
                orders_sent=await tx.scalar(select(func.count()).select_from(OrderIntent)) or 0,
                fills_in_hypertable=await tx.scalar(select(func.count()).select_from(FillRow)) or 0,
            )

    async def ticks(self) -> int:
        from actors import handles  # noqa: PLC0415

        with suppress(handles.CallError, TimeoutError):
            async with asyncio.timeout(5):
                return await (await handles.find_market(VenueName(self.settings.venues[0].name))).ticks()
        return 0

    def errors(self, tally: Tally) -> int:
        """Whatever ended without having been told to, and every account that had to be put aside."""
        restarts = sum(child.restarts for child in self.children.values()) + self.keeper.restarts
        return restarts + tally.quarantined

    async def settle(self) -> tuple[int, Tally]:
        """The venue's count of trades beside the database's.

        The market goes on meanwhile, so the two are compared until a moment is found at which nothing is on its way.
        """
        deadline = time.monotonic() + SETTLE_TIMEOUT_S
        while True:
            fills = len(await self.paper.trades())
            tally = await self.tally()
            if fills == tally.fills_in_hypertable or time.monotonic() > deadline:
                return fills, tally
            await asyncio.sleep(0.1)


@asynccontextmanager
async def running_demo(settings: Settings, accounts: int, steps: Steps) -> AsyncIterator[Demo]:
    """Everything up and every account trading. All of it is ended when the block ends."""
    started = time.monotonic()
    admin_token = secrets.token_urlsafe(32)
    async with AsyncExitStack() as stack:
        settings = with_master_keys(settings)
        with steps.step("preflight") as step:
            check_port(settings.api_host, settings.api_port, "TRADEFLEET_API_PORT")
            check_port(settings.paper_host, settings.paper_port, "TRADEFLEET_PAPER_PORT")
            step.say(f"ports {settings.api_port} and {settings.paper_port} free, data in {settings.data_dir}")
        with steps.step("database") as step:
            settings, described = raise_database(settings, stack)
            database = Database(settings.database_url.get_secret_value(), Role.FLEET)  # type: ignore[union-attr]
            stack.push_async_callback(database.close)
            edition = await database.edition()
            step.say(described)
        with steps.step("venue") as step:
            paper_child = await raise_paper(settings, admin_token, stack)
            step.say("paper exchange, speaks Binance")
        with steps.step("ray") as step:
            step.say(raise_ray(settings, stack))
        with steps.step("supervisor"):
            keeper = await stack.enter_async_context(kept_fleet(settings))
        with steps.step("api") as step:
            api_child = await raise_api(settings, stack)
            step.say("answers")
        paper = PaperAdmin(f"http://{settings.paper_host}:{settings.paper_port}", admin_token)
        api = f"http://{settings.api_host}:{settings.api_port}"
        with steps.step("customers") as step:
            passwords = Passwords(settings.data_dir / "customers")
            first = UserId(await bring_customers(api, paper, passwords, accounts))
            step.say(f"{accounts} accounts with a key, a strategy and 10,000 paper USDT each")
        demo = Demo(
            settings=settings,
            database=database,
            paper=paper,
            children={"api": api_child, "paper": paper_child},
            keeper=keeper,
            sign_in_link=api + await _sign_in_link(settings, first),
            admin_link=api + await _sign_in_link(settings, await _admin(settings, passwords)),
            edition=edition,
        )
        with steps.step("traders") as step:
            await _until_running(demo, accounts)
            step.say(f"{accounts} running")
        demo.startup_s = time.monotonic() - started
        yield demo


async def _until_running(demo: Demo, accounts: int) -> None:
    try:
        async with asyncio.timeout(RUNNING_TIMEOUT_S):
            while (await demo.tally()).running < accounts:  # noqa: ASYNC110  the heartbeats of other processes
                await asyncio.sleep(0.1)
    except TimeoutError:
        raise DemoFailed(f"only {(await demo.tally()).running} of {accounts} accounts came up") from None


async def _sign_in_link(settings: Settings, user: UserId) -> str:
    assert settings.database_url is not None
    database = Database(settings.database_url.get_secret_value(), Role.API)
    try:
        return await make_sign_in_link(database, user)
    finally:
        await database.close()


async def _admin(settings: Settings, passwords: Passwords) -> UserId:
    """Somebody who may see and stop everybody's accounts; made as an operator makes one."""
    assert settings.database_url is not None
    url = settings.database_url.get_secret_value()
    database = Database(url, Role.FLEET)
    try:
        async with database.transaction() as tx:
            known = await find_user_by_email(tx, ADMIN)
    finally:
        await database.close()
    return known.id if known is not None else await create_user(url, ADMIN, passwords.of(ADMIN)[0], "admin")


@contextmanager
def only_demo(directory: Path) -> Iterator[None]:
    """Nobody else runs a demo on this directory meanwhile."""
    directory.parent.mkdir(parents=True, exist_ok=True)
    with directory.with_name(f"{directory.name}.lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise SettingsError(
                f"a demo already runs on {directory} (process {lock.read().strip() or 'unknown'}): "
                "stop it with Ctrl-C, or name another directory in TRADEFLEET_DATA_DIR"
            ) from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


def run_demo(settings: Settings, options: DemoOptions) -> int:
    """Answers the exit status: 0 only when real orders were filled and every fill is in the database."""
    directory = settings.data_dir / "demo"
    settings = settings.model_copy(
        update={"data_dir": directory, "registration": "open", "database_url": None, "ray_address": None}
    )
    with only_demo(directory):
        if options.fresh:
            shutil.rmtree(directory, ignore_errors=True)
        return asyncio.run(_run(settings, options))


async def _run(settings: Settings, options: DemoOptions) -> int:
    console = Console(stderr=True, highlight=False)
    console.print("[b]Tradefleet demo[/b]: paper money, no exchange keys, bound to this machine")
    stop = Stop()
    try:
        return await _show(console, settings, options, stop)
    except asyncio.CancelledError:
        console.print("Stopped before it was up.")
        return INTERRUPTED


async def _show(console: Console, settings: Settings, options: DemoOptions, stop: Stop) -> int:
    async with running_demo(settings, options.accounts, Steps(console)) as demo:
        stop.is_up()
        _print_addresses(console, demo)
        _open_browser(demo, options)
        deadline = None if options.duration_s is None else time.monotonic() + options.duration_s
        await _watch(console, demo, stop, deadline)
        ticks = await demo.ticks()
        fills, tally = await demo.settle()
        result = {
            "accounts": options.accounts,
            "running": tally.running,
            "orders_sent": tally.orders_sent,
            "fills": fills,
            "fills_in_hypertable": tally.fills_in_hypertable,
            "timescaledb": demo.edition,
            "startup_s": round(demo.startup_s, 1),
            "ticks": ticks,
            "errors": demo.errors(tally),
        }
        console.print("Ending: traders first, then services, then the database …")
    if options.as_json:
        sys.stdout.write(msgspec.json.encode(result).decode() + "\n")
    else:
        console.print(f"{tally.orders_sent} orders sent, {fills} fills, {tally.fills_in_hypertable} in the database.")
    if not fills:
        console.print("[red]No order was filled.[/red]")
    return 0 if fills and fills == tally.fills_in_hypertable else 1


def _print_addresses(console: Console, demo: Demo) -> None:
    settings = demo.settings
    api = f"http://{settings.api_host}:{settings.api_port}"
    console.print(f"\n Dashboard    {demo.sign_in_link}   (one use, 30 min)", soft_wrap=True)
    console.print(f" Fleet        {demo.admin_link}   (the same, as an admin)", soft_wrap=True)
    console.print(f" API          {api}/api/docs")
    console.print(f" Venue        http://{settings.paper_host}:{settings.paper_port}   speaks Binance")
    console.print(f" Undo         Ctrl-C keeps the data in {settings.data_dir}; --fresh drops it", soft_wrap=True)
    console.print(f"Ready in {demo.startup_s:.0f} s.\n")


def _open_browser(demo: Demo, options: DemoOptions) -> None:
    if sys.stdout.isatty() and not options.as_json and "CI" not in os.environ:
        webbrowser.open(demo.sign_in_link)


async def _watch(console: Console, demo: Demo, stop: Stop, deadline: float | None) -> None:
    """One live line on a terminal; elsewhere a line from time to time."""
    status = console.status("") if console.is_terminal else None
    told_at = 0.0
    with status or nullcontext():
        while not stop.asked.is_set() and (deadline is None or time.monotonic() < deadline):
            tally = await demo.tally()
            line = (
                f"{tally.running} running · {tally.orders_sent} orders · {tally.fills_in_hypertable} fills · "
                f"{await demo.ticks()} ticks · {demo.errors(tally)} errors"
            )
            if status is not None:
                status.update(line)
            elif time.monotonic() - told_at >= PLAIN_LINE_INTERVAL_S:
                told_at = time.monotonic()
                console.print(line)
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_INTERVAL_S):
                    await stop.asked.wait()
