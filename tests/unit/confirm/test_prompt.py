import msgspec

from confirm.prompt import FORM, messages
from trading.events import Question
from trading.verdicts import Verdict


def test_the_form_asks_for_what_a_verdict_is_made_of() -> None:
    schema = msgspec.json.schema(Verdict)["$defs"]["Verdict"]
    levels = msgspec.json.schema(Verdict)["$defs"]["RiskLevel"]["enum"]
    assert FORM["properties"].keys() == schema["properties"].keys() == set(FORM["required"])
    assert sorted(FORM["properties"]["action"]["enum"]) == schema["properties"]["action"]["enum"]
    assert sorted(FORM["properties"]["risk_level"]["enum"]) == sorted(levels)
    assert FORM["additionalProperties"] is schema["additionalProperties"] is False


def test_the_question_is_data_in_a_message_of_its_own() -> None:
    body = {"signal": "LONG", "indicators": {"adx": 31.5}}
    system, user = messages(Question(id="q", kind="confirm_signal", body=body))
    assert (system["role"], user["role"]) == ("system", "user")
    assert msgspec.json.decode(user["content"]) == body
    assert "31.5" not in system["content"]
