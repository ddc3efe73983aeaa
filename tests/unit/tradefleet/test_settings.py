"""What the environment may say, and how it is told that it is wrong."""

import base64
from pathlib import Path
from typing import Any

import pytest

from exchanges.port import VenueAddress
from tradefleet.settings import SECRETS, Settings, SettingsError, load_settings, variable

ROOT = Path(__file__).parents[3]
URL = "postgresql://fleet:hunter2hunter2@database:5432/tradefleet"
KEY = "k1:" + base64.b64encode(b"0123456789abcdef" * 2).decode()


def complaint(monkeypatch: pytest.MonkeyPatch, **variables: str) -> str:
    for name, value in variables.items():
        monkeypatch.setenv(variable(name), value)
    with pytest.raises(SettingsError) as raised:
        load_settings()
    return str(raised.value)


def test_nothing_needs_to_be_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", "/srv/share")
    settings = load_settings()

    assert settings.database_url is None
    assert settings.data_dir == Path("/srv/share/tradefleet")
    assert (settings.api_host, settings.paper_host) == ("127.0.0.1", "127.0.0.1")


def test_the_environment_wins_over_the_env_file(monkeypatch: pytest.MonkeyPatch) -> None:
    Path(".env").write_text("TRADEFLEET_API_PORT=1111\nTRADEFLEET_PAPER_PORT=2222\nOTHER_PROGRAM=x\n")
    monkeypatch.setenv("TRADEFLEET_API_PORT", "3333")

    settings = load_settings()
    assert (settings.api_port, settings.paper_port) == (3333, 2222)


def test_without_venues_there_is_the_paper_exchange_where_it_listens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRADEFLEET_PAPER_PORT", "7777")

    assert load_settings().venues == (
        VenueAddress(
            name="paper", ccxt_id="binance", rest_url="http://127.0.0.1:7777", stream_url="ws://127.0.0.1:7777"
        ),
    )


def test_venues_are_read_from_json(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRADEFLEET_VENUES", '[{"name": "binance", "ccxt_id": "binance"}]')

    (venue,) = load_settings().venues
    assert (venue.name, venue.rest_url) == ("binance", None)


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("api_port", "http", "a port, 1 to 65535"),
        ("api_port", "65536", "a port, 1 to 65535"),
        ("api_port", "-1", "a port, 1 to 65535"),
        ("paper_host", "somewhere", "an IP address"),
        ("lease_ttl_s", "0", "2 to 300"),
        ("lease_ttl_s", "nan", "2 to 300"),
        ("accounts_per_host_max", "0", "1 to 1000"),
        ("log_level", "loud", "`DEBUG`"),
        ("log_format", "xml", "`json`"),
        ("registration", "yes", "`closed`"),
        ("venues", "paper", "a JSON list"),
        ("venues", "[]", "it names no venue"),
        ("venues", '[{"name": "a", "ccxt_id": "x"}, {"name": "a", "ccxt_id": "y"}]', "or one twice"),
        ("venues", '[{"name": "a", "ccxt_id": "x", "rest_ulr": "http://127.0.0.1"}]', "`rest_ulr`"),
        ("database_url", "mysql://u:p@h/d", "`postgresql://user:password@host:5432/name`"),
        ("database_url", "postgresql://h", "`postgresql://user:password@host:5432/name`"),
        ("database_url", "postgresql://h:port/d", "`postgresql://user:password@host:5432/name`"),
        ("master_keys", "k1:dG9vIHNob3J0", "`id:base64,id:base64`"),
        ("ray_auth_token", "short", "32 or more random characters"),
    ],
)
def test_a_malformed_variable_names_itself_and_what_it_should_look_like(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, says: str
) -> None:
    sentence = complaint(monkeypatch, **{name: value})

    assert sentence.startswith(variable(name))
    assert says in sentence
    assert "\n" not in sentence


def test_every_wrong_variable_is_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    sentences = complaint(monkeypatch, api_port="http", log_level="loud", paper_port="x").splitlines()

    assert [sentence.split()[0] for sentence in sentences] == [
        "TRADEFLEET_API_PORT",
        "TRADEFLEET_PAPER_PORT",
        "TRADEFLEET_LOG_LEVEL",
    ]


def test_a_misspelt_variable_is_refused_with_the_name_that_was_meant(monkeypatch: pytest.MonkeyPatch) -> None:
    assert complaint(monkeypatch, api_prot="1") == (
        "TRADEFLEET_API_PROT is not a setting; did you mean TRADEFLEET_API_PORT?"
    )


def test_a_misspelt_variable_of_the_env_file_is_refused_too(monkeypatch: pytest.MonkeyPatch) -> None:
    Path(".env").write_text("TRADEFLEET_MASTER_KEY=secret-value\n")

    assert complaint(monkeypatch) == "TRADEFLEET_MASTER_KEY is not a setting; did you mean TRADEFLEET_MASTER_KEYS?"


@pytest.mark.parametrize(("name", "value"), [("database_url", URL), ("master_keys", KEY), ("ray_auth_token", "t" * 32)])
def test_a_secret_may_stand_in_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, value: str) -> None:
    (tmp_path / "secret").write_text(value + "\n")
    monkeypatch.setenv(variable(name) + "_FILE", str(tmp_path / "secret"))

    settings = load_settings()
    assert getattr(settings, name).get_secret_value() == value
    assert getattr(settings, f"{name}_file") == tmp_path / "secret"
    assert settings.secrets() == [value]


@pytest.mark.parametrize("name", SECRETS)
def test_a_secret_file_that_cannot_be_read_is_named(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    sentence = complaint(monkeypatch, **{f"{name}_file": "/nowhere/secret"})

    assert sentence == f"{variable(name)}_FILE names /nowhere/secret, which cannot be read: No such file or directory"


def test_a_secret_in_two_places_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text(URL)
    sentence = complaint(monkeypatch, database_url=URL, database_url_file=str(tmp_path / "secret"))

    assert sentence == "TRADEFLEET_DATABASE_URL and TRADEFLEET_DATABASE_URL_FILE are both set: unset one of them"


@pytest.mark.parametrize(
    "wrong",
    [
        {"database_url": "postgres//fleet:hunter2hunter2@database"},
        {"master_keys": "k1:hunter2hunter2"},
        {"ray_auth_token": "hunter2"},
        {"database_url": URL, "api_port": "http"},
    ],
)
def test_no_complaint_and_no_picture_of_the_settings_shows_a_secret(
    monkeypatch: pytest.MonkeyPatch, wrong: dict[str, str]
) -> None:
    assert "hunter2" not in complaint(monkeypatch, **wrong)


def test_settings_print_stars_for_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRADEFLEET_DATABASE_URL", URL)
    settings = load_settings()

    assert (
        "hunter2"
        not in f"{settings!r} {settings} {settings.model_dump()} {settings.model_dump_json(exclude={'venues'})}"
    )


def documented() -> list[tuple[str, str, str, str]]:
    """Variable, meaning, looks, default, as the settings themselves tell."""
    rows = []
    for name, field in Settings.model_fields.items():
        extra: Any = field.json_schema_extra
        default = extra["default_is"] or ("none" if field.default is None else f"`{field.default}`")
        rows.append((variable(name), field.description or "", extra["looks"], default))
    return rows


def test_the_reference_tells_of_every_variable_what_the_settings_do() -> None:
    page = (ROOT / "docs/reference/settings.md").read_text()
    table = [line for line in page.splitlines() if line.startswith("| `TRADEFLEET_")]

    assert table == [
        f"| `{name}` | {meaning} | {looks} | {default} |" for name, meaning, looks, default in documented()
    ]


def test_the_example_file_has_every_variable_with_its_meaning_and_sets_none() -> None:
    lines = (ROOT / ".env.example").read_text().splitlines()
    variables = [(lines[at - 1], line) for at, line in enumerate(lines) if line.startswith("#TRADEFLEET_")]

    assert [line for line in lines if line and not line.startswith("#")] == []
    assert [(above, line.partition("=")[0]) for above, line in variables] == [
        (f"# {meaning}", f"#{name}") for name, meaning, _, _ in documented()
    ]


def test_what_the_example_file_suggests_is_accepted() -> None:
    lines = (ROOT / ".env.example").read_text().splitlines()
    suggested = [line.removeprefix("#") for line in lines if line.startswith("#TRADEFLEET_")]
    # A secret that is suggested would be used.
    for name in set(SECRETS) - {"database_url"}:
        assert f"{variable(name)}=" in suggested
    suggested = [line for line in suggested if not line.endswith("=") and "_FILE=" not in line]
    Path(".env").write_text("\n".join(suggested))

    load_settings()
