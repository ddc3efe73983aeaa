"""The kinds of value that settings have: how each is read from text, and where it has a default of its own."""

import os
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

import msgspec
from pydantic import AfterValidator, BeforeValidator, Field, SecretStr
from pydantic_settings import NoDecode

from exchanges.port import VenueAddress
from security.envelope import KeyRing
from security.errors import MalformedKeyRing
from storage.binaries import reachable_by_server

BACKENDS = ("postgresql", "postgres", "timescaledb")
DATA_OF_ROOT = Path("/var/lib/tradefleet")


class Venue(VenueAddress, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A venue as an operator writes it. A misspelt address is refused: left out, it would mean the real exchange."""


def _read_venues(given: Any) -> Any:
    if not isinstance(given, str):
        return given
    try:
        venues = msgspec.json.decode(given, type=tuple[Venue, ...])
    except msgspec.DecodeError as error:
        raise ValueError(str(error)) from None
    if len({venue.name for venue in venues}) < max(1, len(venues)):
        raise ValueError("it names no venue, or one twice")
    return venues


def _check_database_url(url: SecretStr) -> SecretStr:
    try:
        parts = urlsplit(url.get_secret_value())
        backend = parts.scheme.partition("+")[0]  # what follows a plus is a driver, and ours is used anyway
        complete = backend in BACKENDS and parts.hostname and parts.port != 0 and len(parts.path) > 1
    except ValueError:
        complete = False
    if not complete:
        raise ValueError("it is not the address of a Postgres database")
    return url


def _check_master_keys(keys: SecretStr) -> SecretStr:
    try:
        KeyRing.parse(keys.get_secret_value())
    except MalformedKeyRing as error:
        raise ValueError(str(error)) from None
    return keys


def _check_host(host: str) -> str:
    if host != "localhost":
        ip_address(host)
    return host


DatabaseUrl = Annotated[SecretStr, AfterValidator(_check_database_url)]
MasterKeys = Annotated[SecretStr, AfterValidator(_check_master_keys)]
Secret = SecretStr
Token = Annotated[SecretStr, Field(min_length=32)]
Host = Annotated[str, AfterValidator(_check_host)]
Port = Annotated[int, Field(ge=0, le=65535)]
Venues = Annotated[tuple[VenueAddress, ...], NoDecode, BeforeValidator(_read_venues)]


def data_dir() -> Path:
    base = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local/share")
    # Started by root, the local database server runs as `nobody` and cannot enter a private home.
    return base / "tradefleet" if reachable_by_server(base) else DATA_OF_ROOT


def cache_dir() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tradefleet"


def paper_venue(given: dict[str, Any]) -> tuple[VenueAddress, ...]:
    """The paper exchange alone, at the address that the other settings give it."""
    address = f"{given['paper_host']}:{given['paper_port']}"
    return (VenueAddress(name="paper", ccxt_id="binance", rest_url=f"http://{address}", stream_url=f"ws://{address}"),)
