"""Wires the rooms together: a database, a Ray cluster, the supervisor and the API, started in order, ended in order.

Each `raise_…` function brings up one part and puts its end on the exit stack, so whatever was started is ended, in the
opposite order, also when a later part fails.
"""

import asyncio
import os
import secrets
import shutil
import signal
import socket
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import aiohttp
import msgspec
import structlog
from pydantic import SecretStr
from rich.console import Console

from actors.config import FleetConfig, ModelConfig, SecretRef
from actors.environment import prepare_ray
from exchanges.port import VenueAddress
from storage import migrate
from storage.local import LocalDatabase
from tradefleet.children import Child
from tradefleet.master_keys import with_master_keys
from tradefleet.settings import Settings, SettingsError
from tradefleet.steps import Steps

if TYPE_CHECKING:
    from actors.handles import SupervisorHandle

KEEPER_PAUSE_S = 0.3
STOP_TIMEOUT_S = 20.0

log = structlog.get_logger()


def raise_database(settings: Settings, stack: AsyncExitStack) -> tuple[Settings, str]:
    """A migrated database: the one that the settings name, or a private one. With the line that describes it."""
    described = "as TRADEFLEET_DATABASE_URL says"
    if settings.database_url is None:
        server = LocalDatabase(settings.data_dir / "database", cache=settings.cache_dir)
        url = server.start()
        stack.callback(server.stop)
        described = server.description
        path = settings.data_dir / "database-url"
        _write_secret(path, url.replace("timescaledb+psycopg://", "postgresql://", 1))
        settings = settings.model_copy(update={"database_url": SecretStr(path.read_text()), "database_url_file": path})
    assert settings.database_url is not None
    migrate.upgrade(settings.database_url.get_secret_value())
    return settings, described


def raise_ray(settings: Settings, stack: AsyncExitStack) -> str:
    """A Ray cluster: the one that the settings name, or one of our own that ends with us."""
    given = settings.ray_auth_token.get_secret_value() if settings.ray_auth_token else None
    if settings.ray_address is not None:
        prepare_ray(given)
        from actors import cluster  # noqa: PLC0415

        cluster.join(settings.ray_address)
        stack.callback(cluster.leave)
        return f"joined at {settings.ray_address}"
    prepare_ray(given or secrets.token_hex(32))
    from actors import cluster  # noqa: PLC0415

    # Ray keeps Unix sockets below this folder, and their paths may not be long.
    directory = Path(tempfile.mkdtemp(prefix="tf-ray-", dir="/tmp"))
    stack.callback(shutil.rmtree, directory, ignore_errors=True)
    forked = cluster.start_local(directory, cores=os.cpu_count() or 1, forked=settings.forked_workers, log=log.warning)
    stack.callback(cluster.leave)
    return f"{'forked' if forked else 'plain'} workers, logs in {directory}/session_latest/logs"


def fleet_config(settings: Settings) -> FleetConfig:
    """What the actors are told: where their secrets are found, never the secrets."""
    return FleetConfig(
        database_url=_secret_ref(settings, "database_url"),
        master_keys=_secret_ref(settings, "master_keys"),
        # Plain addresses: a settings class of our own would be loaded by every actor that is told of them.
        venues=tuple(VenueAddress(**msgspec.structs.asdict(venue)) for venue in settings.venues),
        model=None
        if settings.ai_base_url is None or settings.ai_model is None
        else ModelConfig(
            base_url=settings.ai_base_url, name=settings.ai_model, api_key=_secret_ref(settings, "ai_api_key")
        ),
        lease_ttl_s=settings.lease_ttl_s,
        accounts_per_host_max=settings.accounts_per_host_max,
        log_level=settings.log_level,
    )


def _secret_ref(settings: Settings, name: str) -> SecretRef:
    file: Path | None = getattr(settings, f"{name}_file")
    return SecretRef(file=str(file.resolve())) if file else SecretRef(env=f"TRADEFLEET_{name.upper()}")


class Keeper:
    """Keeps a supervisor alive in the cluster: whoever starts one first, there is one, and after its death another."""

    def __init__(self, config: FleetConfig) -> None:
        self._config = config
        self.restarts = -1

    async def keep(self) -> None:
        from actors import handles  # noqa: PLC0415

        while True:
            supervisor = self._supervisor()
            self.restarts += 1
            try:
                await supervisor.run()
            except handles.CallError as error:
                log.warning("supervisor lost", reason=str(error))
                with suppress(handles.CallError):
                    supervisor.kill()
            else:
                return
            await asyncio.sleep(KEEPER_PAUSE_S)

    async def stop(self) -> None:
        """End the whole fleet in order: traders, hosts, services, supervisor."""
        from actors import handles  # noqa: PLC0415

        supervisor = handles.supervisor()
        if supervisor is None:
            return
        try:
            async with asyncio.timeout(STOP_TIMEOUT_S):
                await supervisor.stop()
        except (handles.CallError, TimeoutError) as error:
            log.warning("the fleet did not end in order", error=repr(error))

    def _supervisor(self) -> "SupervisorHandle":
        from actors import handles  # noqa: PLC0415
        from actors.supervisor import Supervisor  # noqa: PLC0415

        running = handles.supervisor()
        if running is not None:
            return running
        return handles.SupervisorHandle(handles.start(Supervisor, handles.SUPERVISOR, self._config))


@asynccontextmanager
async def kept_fleet(settings: Settings) -> AsyncIterator[Keeper]:
    """A fleet that is kept alive while the block runs, and ended in order after it."""
    keeper = Keeper(fleet_config(settings))
    try:
        async with asyncio.TaskGroup() as group:
            keeping = group.create_task(keeper.keep())
            try:
                yield keeper
            finally:
                await keeper.stop()
                keeping.cancel()
    except BaseExceptionGroup as failures:
        # What went wrong in the block is for the caller's eyes as it was raised, not wrapped for having passed here.
        if len(failures.exceptions) == 1:
            raise failures.exceptions[0] from None
        raise


async def raise_paper(settings: Settings, admin_token: str, stack: AsyncExitStack) -> Child:
    """The paper exchange in a process of its own. Killed, it comes back with every order that it had accepted."""
    token_file = settings.data_dir / "paper-admin-token"
    _write_secret(token_file, admin_token)
    child = Child(
        "the paper exchange",
        ["paper", "--journal", str(settings.data_dir / "paper" / "journal")],
        {**child_environment(settings), "TRADEFLEET_PAPER_ADMIN_TOKEN_FILE": str(token_file.resolve())},
        settings.data_dir / "logs" / "paper.log",
    )
    stack.push_async_callback(child.stop)
    await child.start(lambda: answers(f"http://{settings.paper_host}:{settings.paper_port}/api/v3/ping"))
    return child


async def raise_api(settings: Settings, stack: AsyncExitStack) -> Child:
    """The web API in a process of its own, answering."""
    child = Child(
        "the API",
        ["api"],
        child_environment(settings),
        settings.data_dir / "logs" / "api.log",
    )
    stack.push_async_callback(child.stop)
    await child.start(lambda: answers(f"http://{settings.api_host}:{settings.api_port}/ready"))
    return child


def child_environment(settings: Settings) -> dict[str, str]:
    """What a process of ours needs beside what it inherits. Secrets are named by file where there is one."""
    environment = {
        "TRADEFLEET_DATA_DIR": str(settings.data_dir.resolve()),
        "TRADEFLEET_CACHE_DIR": str(settings.cache_dir.resolve()),
        "TRADEFLEET_API_HOST": settings.api_host,
        "TRADEFLEET_API_PORT": str(settings.api_port),
        "TRADEFLEET_PAPER_HOST": settings.paper_host,
        "TRADEFLEET_PAPER_PORT": str(settings.paper_port),
        "TRADEFLEET_PAPER_LIMITS_TIMES": str(settings.paper_limits_times),
        "TRADEFLEET_REGISTRATION": settings.registration,
        "TRADEFLEET_LOG_LEVEL": settings.log_level,
    }
    for name in ("database_url", "master_keys"):
        file: Path | None = getattr(settings, f"{name}_file")
        if file is not None:
            environment[f"TRADEFLEET_{name.upper()}_FILE"] = str(file.resolve())
    return environment


def check_port(host: str, port: int, setting: str) -> None:
    """Say now, in a sentence, what would otherwise be found out halfway."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise SettingsError(
                f"port {port} on {host} cannot be used ({error.strerror or error}): "
                f"stop what holds it, or choose another with {setting}"
            ) from None


async def answers(url: str) -> bool:
    try:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=2)) as session,
            session.get(url) as response,
        ):
            return response.status == 200
    except (aiohttp.ClientError, TimeoutError):
        return False


class Stop:
    """Ctrl-C and SIGTERM. While things are being brought up they cancel that; afterwards they set `asked`."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self._bringing_up = asyncio.current_task()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._ask)

    def is_up(self) -> None:
        self._bringing_up = None

    def _ask(self) -> None:
        if self._bringing_up is not None and not self.asked.is_set():
            self._bringing_up.cancel()
        self.asked.set()


def run_up(settings: Settings) -> None:
    """Run the whole product on this machine until told to stop."""
    asyncio.run(_up(settings))


async def _up(settings: Settings) -> None:
    stop = Stop()
    steps = Steps(Console(stderr=True))
    async with AsyncExitStack() as stack:
        settings = with_master_keys(settings)
        with steps.step("database") as step:
            settings, described = raise_database(settings, stack)
            step.say(described)
        with steps.step("ray") as step:
            step.say(raise_ray(settings, stack))
        with steps.step("supervisor"):
            await stack.enter_async_context(kept_fleet(settings))
        if any(urlsplit(venue.rest_url or "").port == settings.paper_port for venue in settings.venues):
            with steps.step("venue") as step:
                check_port(settings.paper_host, settings.paper_port, "TRADEFLEET_PAPER_PORT")
                await raise_paper(settings, secrets.token_urlsafe(32), stack)
                step.say("paper exchange")
        with steps.step("api") as step:
            check_port(settings.api_host, settings.api_port, "TRADEFLEET_API_PORT")
            await raise_api(settings, stack)
            step.say(f"http://{settings.api_host}:{settings.api_port}")
        stop.is_up()
        await stop.asked.wait()


def run_supervisor(settings: Settings) -> None:
    """Keep a supervisor in the cluster until told to stop. The fleet goes on without this process."""
    asyncio.run(_supervisor(settings))


async def _supervisor(settings: Settings) -> None:
    stop = Stop()
    async with AsyncExitStack() as stack:
        raise_ray(settings, stack)
        stop.is_up()
        async with asyncio.TaskGroup() as group:
            keeping = group.create_task(Keeper(fleet_config(settings)).keep())
            await stop.asked.wait()
            keeping.cancel()


def _write_secret(path: Path, secret: str) -> None:
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(secret)
