"""The doctor: a finding for every check, with a cause and one command where something is wrong."""

import base64
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from tradefleet.doctor import Finding, examine, print_findings
from tradefleet.settings import Settings

KEY = SecretStr("k1:" + base64.b64encode(b"0123456789abcdef" * 2).decode())


@pytest.fixture
def port() -> Iterator[int]:
    """A port that somebody listens on, and whose listener answers nothing."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        yield taken.getsockname()[1]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path, api_port=0, paper_port=0)


def finding(settings: Settings, name: str) -> Finding:
    return next(found for found in examine(settings) if found.name == name)


def test_a_machine_with_nothing_set_is_well(settings: Settings, tmp_path: Path) -> None:
    assert [found for found in examine(settings) if not found.ok] == []
    assert list(tmp_path.iterdir()) == [], "looking changes nothing"


def test_a_taken_port_is_named_with_the_setting_that_moves_it(settings: Settings, port: int) -> None:
    found = finding(settings.model_copy(update={"api_port": port}), "api port")

    assert not found.ok
    assert f"127.0.0.1:{port}" in found.told
    assert "TRADEFLEET_API_PORT" in found.remedy


def test_a_data_directory_that_is_not_to_be_written_is_named(settings: Settings) -> None:
    found = finding(settings.model_copy(update={"data_dir": Path("/proc/tradefleet")}), "disk")

    assert not found.ok
    assert "TRADEFLEET_DATA_DIR" in found.remedy


def test_an_unreachable_database_is_a_cross_without_its_password(settings: Settings, port: int) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        gone = closed.getsockname()[1]
    url = SecretStr(f"postgresql://fleet:hunter2hunter2@127.0.0.1:{gone}/tradefleet")
    findings = examine(settings.model_copy(update={"database_url": url, "master_keys": KEY}))

    crosses = {found.name for found in findings if not found.ok}
    assert crosses == {"database", "clock"}
    assert "hunter2" not in str(findings)


def test_missing_master_keys_of_a_shared_database_are_a_cross(settings: Settings) -> None:
    url = SecretStr("postgresql://fleet@127.0.0.1:1/tradefleet")
    found = finding(settings.model_copy(update={"database_url": url}), "master keys")

    assert not found.ok
    assert "openssl rand" in found.remedy


def test_a_ray_that_does_not_answer_and_a_ray_without_a_token_are_crosses(settings: Settings, port: int) -> None:
    silent = finding(settings.model_copy(update={"ray_address": "127.0.0.1:1"}), "ray")
    assert (silent.ok, "does not answer" in silent.told) == (False, True)

    tokenless = finding(settings.model_copy(update={"ray_address": f"127.0.0.1:{port}"}), "ray")
    assert (tokenless.ok, "TRADEFLEET_RAY_AUTH_TOKEN" in tokenless.remedy) == (False, True)

    with_token = {"ray_address": f"127.0.0.1:{port}", "ray_auth_token": SecretStr("t" * 32)}
    assert finding(settings.model_copy(update=with_token), "ray").ok


def test_only_a_cross_is_followed_by_what_helps(capsys: pytest.CaptureFixture[str]) -> None:
    print_findings([Finding("disk", True, "plenty", "unused"), Finding("ray", False, "down", "ray status")])

    assert capsys.readouterr().out.splitlines() == [
        " ✓ disk         plenty",
        " ✗ ray          down",
        "                ray status",
    ]
