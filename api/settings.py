"""What the API must be told. Plain values: `tradefleet` reads them from the environment and passes them in."""

from datetime import timedelta

import msgspec


class Venue(msgspec.Struct, frozen=True, kw_only=True):
    """A venue that accounts can be made for, and the modes that it has."""

    name: str
    modes: tuple[str, ...]


class ApiSettings(msgspec.Struct, frozen=True, kw_only=True):
    venues: tuple[Venue, ...]
    version: str = "0.1.0"
    registration_open: bool = True
    secure_cookies: bool = True
    """Cookies only over HTTPS. Off for plain HTTP on loopback, where a browser would not send them back."""
    session_ttl: timedelta = timedelta(days=7)
    body_bytes_max: int = 64 * 1024
    body_timeout_s: float = 10.0
    """How long a client may take to send a body: a slow one holds a connection, never a transaction."""
    runtime_stale_after_s: float = 15.0
    """A heartbeat older than this is not believed: the account shows as stale."""
