"""Master keys of a machine with its own database: made once, private, and never made up for a shared one."""

from pathlib import Path

import pytest
from pydantic import SecretStr

from security.envelope import KeyRing
from tradefleet.master_keys import FILE_NAME, with_master_keys
from tradefleet.settings import Settings, SettingsError


def test_they_are_made_once_and_then_kept(tmp_path: Path) -> None:
    first = with_master_keys(Settings(data_dir=tmp_path / "data"))
    second = with_master_keys(Settings(data_dir=tmp_path / "data"))

    assert first.master_keys == second.master_keys
    assert first.master_keys is not None
    assert KeyRing.parse(first.master_keys.get_secret_value()).ids == ("k1",)
    assert [path.name for path in (tmp_path / "data").iterdir()] == [FILE_NAME]


def test_only_their_owner_may_read_them(tmp_path: Path) -> None:
    path = with_master_keys(Settings(data_dir=tmp_path)).master_keys_file

    assert path == tmp_path / FILE_NAME
    assert path.stat().st_mode & 0o777 == 0o600


def test_keys_that_others_may_read_are_refused_with_the_command_that_helps(tmp_path: Path) -> None:
    with_master_keys(Settings(data_dir=tmp_path))
    (tmp_path / FILE_NAME).chmod(0o644)

    with pytest.raises(SettingsError, match=f"chmod 600 {tmp_path / FILE_NAME}"):
        with_master_keys(Settings(data_dir=tmp_path))


def test_given_keys_are_left_alone(tmp_path: Path) -> None:
    given = Settings(data_dir=tmp_path, master_keys=SecretStr(KeyRing.generate("mine").text()))

    assert with_master_keys(given) is given
    assert list(tmp_path.iterdir()) == []


def test_none_are_made_up_for_a_database_that_other_nodes_share(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="TRADEFLEET_MASTER_KEYS is not set"):
        with_master_keys(Settings(data_dir=tmp_path, database_url=SecretStr("postgresql://u:p@h/d")))
    assert list(tmp_path.iterdir()) == []
