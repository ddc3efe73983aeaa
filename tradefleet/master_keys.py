"""The master keys of a machine that runs its own database: made once, and kept beside it."""

import contextlib
import os
import secrets
from pathlib import Path

from pydantic import SecretStr

from security.envelope import KeyRing
from tradefleet.settings import Settings, SettingsError

FILE_NAME = "master-keys"


def with_master_keys(settings: Settings) -> Settings:
    """The same settings, with master keys in them.

    They are made only beside a private database. Made by each node of a fleet for itself, one node's keys would not
    open what another's had sealed.
    """
    if settings.master_keys is not None:
        return settings
    if settings.database_url is not None:
        raise SettingsError(
            "TRADEFLEET_MASTER_KEYS is not set, and a database that is shared needs keys that are: "
            "make one with `echo k1:$(openssl rand -base64 32)` and give it to every node"
        )
    path = settings.data_dir / FILE_NAME
    if not path.exists():
        _make(path)
    return settings.model_copy(update={"master_keys": SecretStr(_read(path)), "master_keys_file": path})


def _read(path: Path) -> str:
    if path.stat().st_mode & 0o077:
        raise SettingsError(f"{path} may be read by others: chmod 600 {path}")
    return KeyRing.parse(path.read_text().strip()).text()


def _make(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{FILE_NAME}-{secrets.token_hex(4)}")
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(KeyRing.generate("k1").text())
        file.flush()
        os.fsync(descriptor)
    # Whoever comes second finds the keys of whoever came first, and never half of them.
    with contextlib.suppress(FileExistsError):
        path.hardlink_to(unfinished)
    unfinished.unlink()
