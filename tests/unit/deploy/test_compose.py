"""docker-compose.yml and Dockerfile cannot be run everywhere; that they name nothing which is not there can be seen."""

import os
import re
import shlex
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from tradefleet.cli import cli
from tradefleet.settings import PREFIX, Settings, load_settings, variable

ROOT = Path(__file__).parents[3]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = {name: service for name, service in SERVICES.items() if service.get("image") == "tradefleet"}
HATCH = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]
PACKAGES: list[str] = HATCH["build"]["targets"]["wheel"]["packages"]
OF_THE_POSTGRES_IMAGE = {"POSTGRES_USER", "POSTGRES_DB", "POSTGRES_PASSWORD_FILE"}
OF_RAY = {"RAY_AUTH_MODE", "RAY_AUTH_TOKEN_PATH"}


def programs(service: dict[str, Any]) -> Iterator[list[str]]:
    """Every program that a service runs, with its arguments: its command, and its health check."""
    for words in (service.get("command"), service.get("healthcheck", {}).get("test", ["CMD"])[1:]):
        match words:
            case ["sh", "-c", script]:
                for part in script.split("&&"):
                    yield shlex.split(part.strip().removeprefix("exec "))
            case [_, *_]:
                yield words


ALL_PROGRAMS = [(name, program) for name, service in SERVICES.items() for program in programs(service)]


def run_by(program: str) -> list[Any]:
    found = [(name, words) for name, words in ALL_PROGRAMS if words[0] == program]
    assert found
    return [pytest.param(words, id=name) for name, words in found]


@pytest.fixture
def secrets(tmp_path: Path) -> Path:
    subprocess.run([ROOT / "deploy/make-secrets", tmp_path], check=True)
    return tmp_path


def test_every_service_that_was_asked_for_is_there() -> None:
    assert set(SERVICES) == {"database", "migrate", "paper", "ray-head", "ray-worker", "api"}


def test_every_program_is_ours_rays_or_the_images() -> None:
    assert {words[0] for _, words in ALL_PROGRAMS} == {"tradefleet", "ray", "python", "pg_isready"}


@pytest.mark.parametrize("words", run_by("tradefleet"))
def test_every_command_of_ours_is_one_of_the_command_line(words: list[str]) -> None:
    command: click.Command = cli
    for word in words[1:]:
        assert isinstance(command, click.Group)
        assert word in command.commands
        command = command.commands[word]
    assert not isinstance(command, click.Group), "it would print its help and end"


@pytest.mark.slow
@pytest.mark.parametrize("words", run_by("ray"))
def test_every_command_of_ray_is_one_of_its_command_line(words: list[str]) -> None:
    from ray.scripts.scripts import cli as ray_cli  # noqa: PLC0415  half a second, and only here

    command = ray_cli.commands[words[1]]
    options = {name for param in command.params for name in param.opts}
    assert {word.partition("=")[0] for word in words[2:]} <= options


@pytest.mark.parametrize("words", run_by("python"))
def test_every_script_of_a_health_check_compiles(words: list[str]) -> None:
    assert words[1] == "-c"
    compile(words[2], "health check", "exec")


@pytest.mark.parametrize("name", SERVICES)
def test_every_variable_is_one_that_its_program_reads(name: str) -> None:
    given = set(SERVICES[name].get("environment", {}))

    assert given <= {variable(field) for field in Settings.model_fields} | OF_THE_POSTGRES_IMAGE | OF_RAY


@pytest.mark.parametrize("name", OURS)
def test_the_settings_of_every_service_are_accepted(name: str, monkeypatch: pytest.MonkeyPatch, secrets: Path) -> None:
    for existing in [existing for existing in os.environ if existing.startswith(PREFIX)]:
        monkeypatch.delenv(existing)
    monkeypatch.chdir(secrets)
    for given, value in OURS[name].get("environment", {}).items():
        monkeypatch.setenv(given, str(value).replace("/run/secrets", str(secrets)))

    load_settings()


def test_the_services_agree_on_their_addresses(monkeypatch: pytest.MonkeyPatch, secrets: Path) -> None:
    monkeypatch.chdir(secrets)
    monkeypatch.setenv("TRADEFLEET_VENUES", OURS["api"]["environment"]["TRADEFLEET_VENUES"])
    monkeypatch.setenv("TRADEFLEET_DATABASE_URL_FILE", str(secrets / "database_url"))
    settings = load_settings()

    (venue,) = settings.venues
    assert venue.rest_url == f"http://paper:{settings.paper_port}"
    assert {OURS[name]["environment"]["TRADEFLEET_VENUES"] for name in ("ray-head", "ray-worker", "api")} == {
        OURS["api"]["environment"]["TRADEFLEET_VENUES"]
    }
    assert settings.database_url is not None
    assert "@database:5432/tradefleet" in settings.database_url.get_secret_value()
    assert OURS["api"]["ports"] == [f"127.0.0.1:{settings.api_port}:{settings.api_port}"]


def test_no_port_but_the_apis_is_published() -> None:
    assert [name for name, service in SERVICES.items() if "ports" in service] == ["api"]
    assert "network_mode" not in str(COMPOSE)


@pytest.mark.parametrize("name", SERVICES)
def test_secrets_come_by_file_and_no_service_gets_one_that_it_does_not_read(name: str) -> None:
    environment = SERVICES[name].get("environment", {})
    read = {Path(value).name for value in environment.values() if str(value).startswith("/run/secrets/")}

    assert set(SERVICES[name].get("secrets", [])) == read
    assert not re.search(r"PASSWORD: |postgresql://", yaml.safe_dump(environment))


def test_every_secret_is_one_that_the_script_makes_and_makes_once(secrets: Path) -> None:
    named = {Path(secret["file"]) for secret in COMPOSE["secrets"].values()}
    made = {path.name: path.read_bytes() for path in secrets.iterdir()}
    assert {path.name for path in named} == set(made)
    assert {str(path.parent) for path in named} == {"deploy/secrets"}
    assert "deploy/secrets/" in (ROOT / ".gitignore").read_text().splitlines()

    subprocess.run([ROOT / "deploy/make-secrets", secrets], check=True)
    assert {path.name: path.read_bytes() for path in secrets.iterdir()} == made


def test_others_on_the_machine_do_not_reach_the_secrets(secrets: Path) -> None:
    assert secrets.stat().st_mode & 0o077 == 0


def test_every_dependency_and_volume_is_declared() -> None:
    for service in SERVICES.values():
        assert set(service.get("depends_on", {})) <= set(SERVICES)
        for dependency, wanted in service.get("depends_on", {}).items():
            if wanted["condition"] == "service_healthy":
                assert "healthcheck" in SERVICES[dependency]
        assert {volume.partition(":")[0] for volume in service.get("volumes", [])} <= set(COMPOSE["volumes"])


def test_the_image_is_built_from_every_room_and_from_nothing_else() -> None:
    let_in = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}

    assert let_in == {*PACKAGES, "web", "LICENSE", "README.md", "pyproject.toml", "requirements.lock"}
    assert [name for name in let_in if not (ROOT / name).exists()] == []


def test_the_image_runs_as_nobody_in_particular() -> None:
    lines = (ROOT / "Dockerfile").read_text().splitlines()
    last_stage = lines[max(at for at, line in enumerate(lines) if line.startswith("FROM")) :]

    assert "USER tradefleet" in last_stage


@pytest.mark.slow
def test_what_is_installed_holds_every_file_of_every_room(tmp_path: Path) -> None:
    """The image installs a wheel, so a template or a migration that is left out of it would be missed there alone."""
    script = "import sys; from hatchling.build import build_wheel; print(build_wheel(sys.argv[1]))"
    built = subprocess.run(
        [sys.executable, "-c", script, tmp_path], cwd=ROOT, text=True, capture_output=True, check=True
    )
    packed = set(zipfile.ZipFile(tmp_path / built.stdout.strip()).namelist())
    files = {str(path.relative_to(ROOT)) for room in PACKAGES for path in (ROOT / room).rglob("*") if path.is_file()}

    assert {file for file in files if "__pycache__" not in file} <= packed
