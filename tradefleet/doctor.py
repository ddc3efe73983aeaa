"""Looks at this machine and its settings, and says what would keep Tradefleet from running, with what helps."""

import asyncio
import importlib.metadata
import os
import platform
import shutil
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path

import click
import msgspec
from sqlalchemy import text

from security.envelope import KeyRing
from storage import debian
from storage.database import Database, Role, parse_url
from storage.errors import StorageError
from storage.migrate import current, newest
from tradefleet.master_keys import FILE_NAME, with_master_keys
from tradefleet.settings import Settings, SettingsError

DISK_FREE_MIN_GB = 2.0
MEMORY_FREE_MIN_GB = 1.0
CLOCK_SKEW_MAX_S = 1.0
CONNECT_TIMEOUT_S = 3.0
RAY_PORT = 6379


class Finding(msgspec.Struct, frozen=True):
    """What one check saw: all well, or the cause and one command that helps."""

    name: str
    ok: bool
    told: str
    remedy: str = ""


def examine(settings: Settings) -> list[Finding]:
    """Every check, whatever the others find. Starts nothing and changes nothing."""
    checks: list[Callable[[Settings], Finding]] = [
        _python,
        _disk,
        _memory,
        _master_keys,
        _database,
        _clock,
        _ray,
        lambda s: _port("api port", s.api_host, s.api_port, "TRADEFLEET_API_PORT"),
        lambda s: _port("paper port", s.paper_host, s.paper_port, "TRADEFLEET_PAPER_PORT"),
    ]
    return [check(settings) for check in checks]


def print_findings(findings: list[Finding]) -> None:
    for finding in findings:
        mark = click.style("✓", fg="green") if finding.ok else click.style("✗", fg="red")
        click.echo(f" {mark} {finding.name:<12} {finding.told}")
        if not finding.ok:
            click.echo(f"   {'':<12} {finding.remedy}")


def _python(_settings: Settings) -> Finding:
    told = f"{platform.python_version()} at {sys.executable}"
    return Finding("python", sys.version_info >= (3, 11), told, "install Python 3.11 or newer, then: make clean setup")


def _disk(settings: Settings) -> Finding:
    place = _existing(settings.data_dir)
    free_gb = shutil.disk_usage(place).free / 1e9
    if not os.access(place, os.W_OK):
        return Finding("disk", False, f"{place} cannot be written", "set TRADEFLEET_DATA_DIR to a place that can")
    told = f"{free_gb:.1f} GB free for {settings.data_dir}"
    remedy = f"make room, {DISK_FREE_MIN_GB:g} GB at least, or set TRADEFLEET_DATA_DIR: df -h {place}"
    return Finding("disk", free_gb >= DISK_FREE_MIN_GB, told, remedy)


def _memory(_settings: Settings) -> Finding:
    remedy = f"{MEMORY_FREE_MIN_GB:g} GB at least; what takes it: ps -eo rss,args --sort -rss | head"
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
    except OSError:
        return Finding("memory", True, "not measured on this system")
    # What could be had, caches given up, which is more than what is free.
    available_gb = next(int(line.split()[1]) for line in lines if line.startswith("MemAvailable:")) * 1024 / 1e9
    return Finding("memory", available_gb >= MEMORY_FREE_MIN_GB, f"{available_gb:.1f} GB available", remedy)


def _master_keys(settings: Settings) -> Finding:
    path = settings.data_dir / FILE_NAME
    if settings.master_keys is None and settings.database_url is None and not path.exists():
        return Finding("master keys", True, f"none yet; they will be made as {path}")
    try:
        keys = with_master_keys(settings).master_keys
    except SettingsError as error:
        return Finding("master keys", False, "missing, or open to others", str(error))
    assert keys is not None
    ring = KeyRing.parse(keys.get_secret_value())
    return Finding("master keys", True, f"{', '.join(ring.ids)}; {ring.newest} seals")


def _database(settings: Settings) -> Finding:
    if settings.database_url is None:
        kind = "TimescaleDB from Debian's packages" if debian.available() else "plain PostgreSQL, since apt is not here"
        return Finding("database", True, f"a private server: {kind}")
    url = settings.database_url.get_secret_value()
    try:
        edition = asyncio.run(_edition(url))
        at = current(url)
    except StorageError as error:
        address = parse_url(url)
        remedy = f"pg_isready -h {address.host} -p {address.port or 5432}"
        return Finding("database", False, str(error), remedy)
    told = f"{f'TimescaleDB, {edition} edition' if edition else 'plain PostgreSQL'}, revision {at or 'none'}"
    return Finding("database", at == newest(), told, f"the schema should be at {newest()}: tradefleet migrate")


async def _edition(url: str) -> str | None:
    database = Database(url, Role.OWNER, pool_size=1)
    try:
        return await database.edition()
    finally:
        await database.close()


def _clock(settings: Settings) -> Finding:
    if settings.database_url is None:
        return Finding("clock", True, "the database's is this machine's own")
    try:
        skew_s = asyncio.run(_skew_s(settings.database_url.get_secret_value()))
    except StorageError:
        return Finding("clock", False, "there is no database to compare it with", "mend the database first")
    told = f"{skew_s:+.2f} s from the database's"
    return Finding("clock", abs(skew_s) <= CLOCK_SKEW_MAX_S, told, "set both clocks: timedatectl set-ntp true")


async def _skew_s(url: str) -> float:
    database = Database(url, Role.OWNER, pool_size=1)
    try:
        async with database.transaction() as tx:
            return float(await tx.scalar(text("SELECT extract(epoch FROM clock_timestamp())"))) - time.time()
    finally:
        await database.close()


def _ray(settings: Settings) -> Finding:
    version = importlib.metadata.version("ray")
    if settings.ray_address in {None, "auto"}:
        return Finding("ray", True, f"{version}, on this machine")
    host, _, port = str(settings.ray_address).partition(":")
    try:
        socket.create_connection((host, int(port or RAY_PORT)), CONNECT_TIMEOUT_S).close()
    except OSError as error:
        return Finding(
            "ray", False, f"{settings.ray_address} does not answer ({error})", "ray status, on the head node"
        )
    if settings.ray_auth_token is None:
        return Finding(
            "ray",
            False,
            "its ports are open to whoever reaches them",
            "set TRADEFLEET_RAY_AUTH_TOKEN as the head has it",
        )
    return Finding("ray", True, f"{version}, at {settings.ray_address}")


def _port(name: str, host: str, port: int, variable: str) -> Finding:
    try:
        with socket.create_server((host, port)):
            return Finding(name, True, f"{host}:{port} is free")
    except OSError as error:
        remedy = f"set {variable} to another, or see who has it: ss -ltnp 'sport = :{port}'"
        return Finding(name, False, f"{host}:{port} cannot be had ({os.strerror(error.errno or 0)})", remedy)


def _existing(path: Path) -> Path:
    return next(folder for folder in (path.absolute(), *path.absolute().parents) if folder.exists())
