"""The command line: what it offers, and how it fails."""

import importlib
import os
import subprocess
import sys
from pathlib import Path

import click
import pytest

from tradefleet import cli
from tradefleet.settings import SettingsError
from tradefleet.users import CannotCreateUser

ROOT = Path(__file__).parents[3]


def run(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TRADEFLEET_")}
    environment |= {f"TRADEFLEET_{name}": value for name, value in variables.items()}
    environment |= {"COLUMNS": "100", "NO_COLOR": "1"}
    return subprocess.run(
        [sys.executable, "-m", "tradefleet", *arguments], env=environment, text=True, capture_output=True, check=False
    )


def commands(group: click.Group, path: tuple[str, ...] = ()) -> dict[tuple[str, ...], click.Command]:
    found: dict[tuple[str, ...], click.Command] = {}
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            found |= commands(command, (*path, name))
        else:
            found[(*path, name)] = command
    return found


@pytest.mark.slow
def test_a_wrong_setting_is_one_sentence_and_status_2(tmp_path: Path) -> None:
    ended = run("migrate", API_PORT="http")

    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.startswith("tradefleet: TRADEFLEET_API_PORT is 'http', which is not right")
    assert len(ended.stderr.splitlines()) == 1


@pytest.mark.slow
def test_an_unreachable_database_is_one_sentence_and_status_1(tmp_path: Path) -> None:
    ended = run("migrate", DATABASE_URL="postgresql://fleet:hunter2hunter2@127.0.0.1:1/tradefleet")

    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.startswith("tradefleet: PostgreSQL at 127.0.0.1:1/tradefleet cannot be used")
    assert len(ended.stderr.splitlines()) == 1
    assert "hunter2" not in ended.stderr


@pytest.mark.slow
def test_the_doctor_ends_with_status_1_when_there_is_a_cross() -> None:
    ended = run("doctor", DATABASE_URL="postgresql://fleet@127.0.0.1:1/tradefleet", API_PORT="0", PAPER_PORT="0")

    assert ended.returncode == 1
    assert " ✗ database" in ended.stdout
    assert ended.stderr == ""


@pytest.mark.parametrize("status", [cli.MISCONFIGURED, cli.REFUSED])
def test_an_error_that_came_out_of_a_group_of_tasks_is_one_sentence_too(
    status: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    error: Exception = SettingsError("set it") if status == cli.MISCONFIGURED else CannotCreateUser("taken")

    def fail(**_: object) -> None:
        raise ExceptionGroup("tasks", [ExceptionGroup("more tasks", [error])])

    monkeypatch.setattr(cli, "cli", fail)
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == status
    assert capsys.readouterr().err == f"tradefleet: {error}\n"


def test_a_fault_of_ours_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(**_: object) -> None:
        raise ExceptionGroup("tasks", [SettingsError("set it"), KeyError("ours")])

    monkeypatch.setattr(cli, "cli", fail)
    with pytest.raises(ExceptionGroup):
        cli.main()


@pytest.mark.slow
def test_every_error_that_is_foreseen_exists() -> None:
    for module, name in cli.FORESEEN.items():
        assert issubclass(getattr(importlib.import_module(module), name), Exception)


@pytest.mark.slow
def test_help_loads_no_room() -> None:
    script = (
        "import sys; from tradefleet import cli; cli.cli(['--help'], standalone_mode=False);"
        "rooms = {'storage', 'actors', 'api', 'paper', 'exchanges', 'sqlalchemy', 'ray', 'pydantic'};"
        "print('loaded', sorted(rooms & set(sys.modules)))"
    )
    ended = subprocess.run([sys.executable, "-c", script], text=True, capture_output=True, check=True)

    assert ended.stdout.splitlines()[-1] == "loaded []"


@pytest.mark.parametrize("path", commands(cli.cli), ids=" ".join)
def test_every_command_tells_what_it_does_in_one_line(path: tuple[str, ...]) -> None:
    command = commands(cli.cli)[path]

    assert command.help
    assert "\n" not in command.help.strip()
    assert all(not isinstance(option, click.Option) or option.help for option in command.params)


@pytest.mark.parametrize("path", commands(cli.cli), ids=" ".join)
def test_the_reference_has_every_command_with_its_options(path: tuple[str, ...]) -> None:
    """The page's section of a command: its usage, its help, and a line for each option."""
    command = commands(cli.cli)[path]
    context = click.Context(command, info_name=f"tradefleet {' '.join(path)}")
    options = [record for param in command.params if (record := param.get_help_record(context)) and record[1]]
    rows = [f"- `{declared}`: {meaning}" for declared, meaning in options]
    section = "\n".join(
        [f"## {' '.join(path)}", "", f"`{' '.join(command.get_usage(context).removeprefix('Usage: ').split())}`", ""]
        + [str(command.help).strip(), ""]
        + ([*rows, ""] if rows else [])
    )

    assert section in (ROOT / "docs/reference/cli.md").read_text()


def test_the_reference_has_no_other_command() -> None:
    page = (ROOT / "docs/reference/cli.md").read_text()

    assert {line[3:] for line in page.splitlines() if line.startswith("## ")} == {
        " ".join(path) for path in commands(cli.cli)
    }
