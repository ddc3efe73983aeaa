"""Where forking cannot work is told before Ray is started."""

import sys

import pytest

from forkserver import check, forked_workers, ray_worker


def told(caplog: pytest.LogCaptureFixture) -> str:
    python = sys.executable
    with forked_workers() as forked:
        assert not forked
        assert sys.executable == python
    (record,) = caplog.records
    return record.getMessage()


def test_a_version_of_ray_that_was_not_tried(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ray_worker, "TESTED_VERSIONS", frozenset({"1.0", "1.1"}))

    assert told(caplog) == (
        f"Ray's workers are started plain, not forked: Ray {ray_worker.installed_version()} was not tested with forked "
        "workers, only 1.0, 1.1"
    )


def test_another_system(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")

    assert told(caplog).endswith("this is darwin, and forking needs Linux")


def test_an_installation_that_lost_the_script_s_permission(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, tmp_path: object
) -> None:
    monkeypatch.setattr(check, "STAND_IN", check.PROBE)

    assert "is not executable" in told(caplog)


def test_the_version_of_ray_that_is_installed_was_tried() -> None:
    assert ray_worker.installed_version() in ray_worker.TESTED_VERSIONS
