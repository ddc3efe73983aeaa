"""One renderer for structlog and the standard library, and no secret through either."""

import json
import logging
from collections.abc import Iterator

import pytest
import structlog
from pydantic import SecretStr

from tradefleet.logs import set_up_logs
from tradefleet.settings import Settings

URL = "postgresql://fleet:hunter2hunter2@database/tradefleet"


@pytest.fixture(autouse=True)
def logging_as_it_was() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


@pytest.fixture
def settings() -> Settings:
    return Settings(database_url=SecretStr(URL), log_format="json")


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, str]]:
    out, err = capsys.readouterr()
    assert out == "", "standard output belongs to the commands' own answers"
    return [json.loads(line) for line in err.splitlines()]


def connect(url: str) -> None:
    raise ConnectionError(url)


def test_structlog_and_the_standard_library_write_the_same_shape(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    set_up_logs(settings)
    structlog.get_logger("fleet").info("host started", host="host-1")
    logging.getLogger("uvicorn").info("listening on %s", 8080)

    ours, theirs = lines(capsys)
    assert (ours["event"], ours["host"], ours["level"], ours["logger"]) == ("host started", "host-1", "info", "fleet")
    assert (theirs["event"], theirs["level"], theirs["logger"]) == ("listening on 8080", "info", "uvicorn")
    assert {ours["timestamp"][-1], theirs["timestamp"][-1]} == {"Z"}


def test_a_secret_of_the_settings_is_in_no_line_whoever_writes_it(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    set_up_logs(settings)
    structlog.get_logger("a").warning("cannot connect", address=URL)
    logging.getLogger("b").warning("cannot connect to %s", URL)
    try:
        connect(URL)
    except ConnectionError:
        logging.getLogger("c").exception("lost it")
        structlog.get_logger("d").exception("lost it")

    written = lines(capsys)
    assert len(written) == 4
    assert "hunter2" not in str(written)
    assert all("ConnectionError" in line["exception"] for line in written[2:])


def test_what_is_registered_later_is_redacted_too(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logs(settings).register("a-canary-secret")
    logging.getLogger("a").error("signed with a-canary-secret")

    assert "canary" not in str(lines(capsys))


def test_lines_below_the_level_are_not_written(capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logs(Settings(log_level="WARNING", log_format="json"))
    structlog.get_logger("a").info("quiet")
    logging.getLogger("b").info("quiet")

    assert lines(capsys) == []
