"""Questions on their way to a model: over the real client, to a real server on loopback."""

from pathlib import Path

import pytest

from actors.config import FleetConfig, ModelConfig, SecretRef
from actors.confirmation import Confirmation
from tests.integration.confirm.conftest import Model, model
from trading.events import Question

__all__ = ["model"]

QUESTION = Question(id="q1", kind="confirm", body={"signal": "long"})


@pytest.fixture
def key(tmp_path: Path) -> Path:
    path = tmp_path / "key"
    path.write_text("sk-of-the-operator\n")
    return path


def config(url: str, key: Path) -> FleetConfig:
    return FleetConfig(
        database_url=SecretRef(env="UNUSED"),
        master_keys=SecretRef(env="UNUSED"),
        venues=(),
        model=ModelConfig(base_url=url, name="judge-1", api_key=SecretRef(file=str(key)), timeout_s=5),
    )


async def test_a_traders_question_reaches_the_model_with_the_operators_key(model: Model, key: Path) -> None:
    answer = await Confirmation(config(model.url, key)).answer(QUESTION)
    assert answer.question == "q1"
    assert answer.error == ""
    assert answer.body is not None
    headers, body = model.asked[0]
    assert headers["Authorization"] == "Bearer sk-of-the-operator"
    assert body["model"] == "judge-1"


async def test_a_model_that_is_away_means_no(key: Path) -> None:
    answer = await Confirmation(config("http://127.0.0.1:9/v1", key)).answer(QUESTION)
    assert answer.body is None
    assert answer.error


def test_what_an_actor_is_told_names_the_key_and_does_not_hold_it(key: Path) -> None:
    assert "sk-of-the-operator" not in repr(config("http://127.0.0.1:9/v1", key))
