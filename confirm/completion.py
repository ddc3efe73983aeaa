"""From the bytes of a chat completion to a verdict, or why there is none."""

import msgspec

from trading.verdicts import Verdict


class _Message(msgspec.Struct, frozen=True):
    content: str | None = None
    refusal: str | None = None


class _Choice(msgspec.Struct, frozen=True):
    message: _Message
    finish_reason: str | None = None


class _Completion(msgspec.Struct, frozen=True):
    choices: tuple[_Choice, ...]


class NoVerdict(Exception):
    """What came back is no verdict. What the message repeats of the server's own words is short."""


def read_completion(body: bytes) -> Verdict:
    """Raises `NoVerdict`."""
    try:
        completion = msgspec.json.decode(body, type=_Completion)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise NoVerdict("the endpoint did not answer with a chat completion") from None
    if not completion.choices:
        raise NoVerdict("the endpoint answered with no choice")
    choice = completion.choices[0]
    if choice.message.refusal is not None:
        raise NoVerdict("the model refused to answer")
    if choice.finish_reason not in (None, "stop"):
        raise NoVerdict(f"the model's answer was cut short ({choice.finish_reason[:40]!r})")
    try:
        return msgspec.json.decode(choice.message.content or "", type=Verdict)
    except msgspec.DecodeError as error:
        raise NoVerdict(f"the model did not fill in the form: {str(error)[:200]}") from None
