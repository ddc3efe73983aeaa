"""All that the environment may say, as one typed object.

Each field is the variable `TRADEFLEET_<NAME>`, in the environment or in a file `.env` of the working directory; the
environment wins. Every secret may stand in a file instead, named by `TRADEFLEET_<NAME>_FILE`.
"""

import difflib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from dotenv import dotenv_values
from pydantic import BeforeValidator, Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from tradefleet.variables import (
    DatabaseUrl,
    Host,
    MasterKeys,
    Port,
    Secret,
    Token,
    Venues,
    cache_dir,
    data_dir,
    paper_venue,
)

PREFIX = "TRADEFLEET_"
ENV_FILE = ".env"
SECRETS = ("database_url", "master_keys", "ray_auth_token", "ai_api_key", "paper_admin_token")
A_FILE = "the path of a file that this process may read"


class SettingsError(Exception):
    """What is wrong with the environment, a sentence for each variable. Never holds the value of a secret."""


def _of(default: Any, meaning: str, looks: str, *, default_is: str = "") -> Any:
    """A field with what its documentation and its error tell: what it means, and what it should look like."""
    extra: dict[str, Any] = {"looks": looks, "default_is": default_is}
    if callable(default):
        return Field(default_factory=default, description=meaning, json_schema_extra=extra)
    return Field(default, description=meaning, json_schema_extra=extra)


class Settings(BaseSettings):
    """Read it with `load_settings`. Frozen: a process that should run otherwise is started otherwise."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_file=ENV_FILE, extra="ignore", frozen=True, arbitrary_types_allowed=True
    )

    data_dir: Path = _of(
        data_dir,
        "Where the local database, the paper exchange and the keys made here are kept.",
        "a directory that this process may make and write",
        default_is="`~/.local/share/tradefleet`; for root with a private home `/var/lib/tradefleet`",
    )
    cache_dir: Path = _of(
        cache_dir,
        "Where the programs of the local database are kept. Deleted, they are fetched again.",
        "a directory that this process may make and write",
        default_is="`~/.cache/tradefleet`",
    )
    database_url: DatabaseUrl | None = _of(
        None,
        "The Postgres database, with TimescaleDB or without.",
        "`postgresql://user:password@host:5432/name`",
        default_is="a private server, run on this machine",
    )
    database_url_file: Path | None = _of(None, "A file that holds `TRADEFLEET_DATABASE_URL`.", A_FILE)
    master_keys: MasterKeys | None = _of(
        None,
        "What seals customers' exchange keys, newest first. The same on every node; back it up.",
        "`id:base64,id:base64`, 32 bytes each: `echo k1:$(openssl rand -base64 32)`",
        default_is="beside a private database, made once in the data directory; else none",
    )
    master_keys_file: Path | None = _of(None, "A file that holds `TRADEFLEET_MASTER_KEYS`.", A_FILE)
    ray_address: str | None = _of(
        None,
        "The Ray cluster to join.",
        "`auto` for the one on this machine, or `host:6379`",
        default_is="one is started on this machine",
    )
    ray_auth_token: Token | None = _of(
        None,
        "What opens Ray's ports, which run code for whoever reaches them. The same on every node.",
        "32 or more random characters: `openssl rand -hex 32`",
        default_is="made for each Ray that is started here",
    )
    ray_auth_token_file: Path | None = _of(None, "A file that holds `TRADEFLEET_RAY_AUTH_TOKEN`.", A_FILE)
    api_host: Host = _of("127.0.0.1", "The address that the API listens on.", "an IP address of this machine")
    api_port: Port = _of(8080, "The port that the API listens on.", "a port, 1 to 65535; 0 takes a free one")
    paper_host: Host = _of(
        "127.0.0.1", "The address that the paper exchange listens on.", "an IP address of this machine"
    )
    paper_port: Port = _of(
        9443, "The port that the paper exchange listens on.", "a port, 1 to 65535; 0 takes a free one"
    )
    paper_admin_token: Token | None = _of(
        None,
        "What opens the paper exchange's admin side, which makes accounts and grants paper money.",
        "32 or more random characters: `openssl rand -hex 32`",
        default_is="made for each run and told nobody",
    )
    paper_admin_token_file: Path | None = _of(None, "A file that holds `TRADEFLEET_PAPER_ADMIN_TOKEN`.", A_FILE)
    paper_limits_times: Annotated[int, Field(ge=1, le=10_000)] = _of(
        1,
        "How many times as many requests, orders and sockets the paper exchange allows as Binance does.",
        "1 to 10000",
    )
    venues: Venues = _of(
        paper_venue,
        "The venues that accounts may be at. One without `rest_url` is the real one.",
        'a JSON list: `[{"name": "paper", "ccxt_id": "binance", "rest_url": "http://…", "stream_url": "ws://…"}]`',
        default_is="the paper exchange, as `paper`",
    )
    registration: Literal["open", "closed"] = _of(
        "closed", "Whether anybody may register over the API, or an operator makes users.", "`open` or `closed`"
    )
    lease_ttl_s: Annotated[float, Field(ge=2, le=300)] = _of(
        10, "Seconds without a sign of life after which a trader loses its account to another.", "2 to 300"
    )
    accounts_per_host_max: Annotated[int, Field(ge=1, le=1000)] = _of(
        50, "How many accounts of shared isolation one trader host holds.", "1 to 1000"
    )
    ai_base_url: str | None = _of(
        None,
        "Where the model answers that may confirm or veto signals: any endpoint that speaks OpenAI's protocol.",
        "`https://host/v1`",
    )
    ai_model: str | None = _of(None, "What that model is called there.", "a name that the endpoint knows")
    ai_api_key: Secret | None = _of(None, "The key to that endpoint.", "as the endpoint gave it out")
    ai_api_key_file: Path | None = _of(None, "A file that holds `TRADEFLEET_AI_API_KEY`.", A_FILE)
    forked_workers: bool = _of(
        True,
        "Whether Ray's workers are forked from a warm process where that works, which starts them faster and smaller.",
        "`true` or `false`",
        default_is="`true`",
    )
    log_level: Annotated[Literal["DEBUG", "INFO", "WARNING", "ERROR"], BeforeValidator(str.upper)] = _of(
        "INFO", "The least important log line that is written.", "`DEBUG`, `INFO`, `WARNING` or `ERROR`"
    )
    log_format: Literal["auto", "json", "console"] = _of(
        "auto", "What log lines look like; `auto` is `console` on a terminal.", "`auto`, `json` or `console`"
    )

    @model_validator(mode="before")
    @classmethod
    def _read_secret_files(cls, given: Mapping[str, Any]) -> dict[str, Any]:
        values = dict(given)
        for name in SECRETS:
            if (path := values.get(f"{name}_file")) is None:
                continue
            if name in values:
                raise ValueError(f"{variable(name)} and {variable(name)}_FILE are both set: unset one of them")
            try:
                values[name] = Path(path).read_text().strip()
            except OSError as error:
                raise ValueError(
                    f"{variable(name)}_FILE names {path}, which cannot be read: {error.strerror}"
                ) from None
        return values

    @model_validator(mode="after")
    def _have_whole_model(self) -> Self:
        given = [name for name in ("ai_base_url", "ai_model", "ai_api_key") if getattr(self, name) is not None]
        if given and len(given) < 3:
            missing = [variable(name) for name in ("ai_base_url", "ai_model", "ai_api_key") if name not in given]
            raise ValueError(f"{' and '.join(missing)} must be set too, or {variable(given[0])} left out")
        return self

    def secrets(self) -> list[str]:
        """Every secret value here, for whoever must never show one."""
        values = (getattr(self, name) for name in SECRETS)
        return [value.get_secret_value() for value in values if isinstance(value, SecretStr)]


def variable(field: str) -> str:
    return PREFIX + field.upper()


def load_settings() -> Settings:
    """Read the environment and `.env`. Raises `SettingsError`, which names every variable that is wrong."""
    complaints = _misspelt()
    try:
        settings = Settings()
    except ValidationError as error:
        complaints += [_sentence(detail) for detail in error.errors() if detail["type"] != "default_factory_not_called"]
    if complaints:
        raise SettingsError("\n".join(complaints))
    return settings


def _misspelt() -> list[str]:
    """A setting under a wrong name would silently keep its default."""
    known = {variable(field) for field in Settings.model_fields}
    given = {name.upper() for name in (*os.environ, *dotenv_values(ENV_FILE))}
    complaints = []
    for name in sorted(name for name in given - known if name.startswith(PREFIX)):
        near = difflib.get_close_matches(name, known, n=1)
        complaints.append(f"{name} is not a setting" + (f"; did you mean {near[0]}?" if near else ""))
    return complaints


def _sentence(error: Any) -> str:
    reason = str(error["msg"]).removeprefix("Value error, ")
    if not error["loc"]:
        return reason
    field = str(error["loc"][0])
    extra: Any = Settings.model_fields[field].json_schema_extra
    got = "" if field in SECRETS else f" is {error['input']!r}, which"
    return f"{variable(field)}{got} is not right ({reason[0].lower()}{reason[1:]}); it should be {extra['looks']}"
