"""What every actor is told about the fleet. Ray keeps actor arguments, so secrets are named here, never held."""

import os
from pathlib import Path

import msgspec

from exchanges.port import VenueAddress


class SecretMissing(Exception):
    """A secret's source is empty or not readable on this node."""


class SecretRef(msgspec.Struct, frozen=True):
    """Where a secret is found on each node: a file that the fleet's user may read, or an environment variable."""

    file: str | None = None
    env: str | None = None

    def read(self) -> str:
        if self.file is not None:
            try:
                return Path(self.file).read_text().strip()
            except OSError as error:
                raise SecretMissing(f"cannot read the secret file {self.file}: {error.strerror}") from None
        value = os.environ.get(self.env or "", "")
        if not value:
            raise SecretMissing(f"set {self.env} in the environment that starts Ray on this node")
        return value


class ModelConfig(msgspec.Struct, frozen=True, kw_only=True):
    """The model that may confirm or veto signals: any endpoint that speaks OpenAI's protocol."""

    base_url: str
    name: str
    api_key: SecretRef
    timeout_s: float = 20.0


class FleetConfig(msgspec.Struct, frozen=True, kw_only=True):
    database_url: SecretRef
    master_keys: SecretRef
    venues: tuple[VenueAddress, ...]
    model: ModelConfig | None = None
    lease_ttl_s: float = 10.0
    starting_ttl_s: float = 30.0
    """How long a lease lasts before the first heartbeat: a process takes seconds to start on a busy machine."""
    heartbeat_s: float = 2.0
    receive_window_ms: int = 3000
    """How long the venue accepts a signed request: the bound on how late an order may still arrive."""
    accounts_per_host_max: int = 50
    accounts_per_node_max: int | None = None
    starts_at_once_max: int = 4
    log_level: str = "INFO"

    def venue(self, name: str) -> VenueAddress:
        for address in self.venues:
            if address.name == name:
                return address
        known = ", ".join(address.name for address in self.venues)
        raise LookupError(f"no venue named {name!r} is configured; there are: {known}")
