"""What a language model says to a signal. It is read as if it wished us ill: it can veto or shrink, nothing else."""

from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Literal

import msgspec

from trading.events import Answer
from trading.money import ZERO

QUESTION_KIND = "confirm_signal"


class RiskLevel(StrEnum):
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


SHARES: Mapping[RiskLevel, Decimal] = {
    RiskLevel.LOW: Decimal(1),
    RiskLevel.MEDIUM: Decimal("0.5"),
    RiskLevel.HIGH: Decimal("0.25"),
}
"""How much of the planned size is left when the model sees this much risk. None is above one."""


class Verdict(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The form that the model must fill in. Its JSON schema goes out with the question."""

    action: Literal["LONG", "SHORT", "HOLD"]
    confidence: Annotated[float, msgspec.Meta(ge=0, le=1)]
    reasoning: Annotated[str, msgspec.Meta(max_length=4000)]
    risk_level: RiskLevel


def read_verdict(answer: Answer) -> Verdict | str:
    """The verdict, or why there is none."""
    if answer.error:
        return answer.error
    try:
        return msgspec.convert(answer.body, Verdict)
    except msgspec.ValidationError as error:
        return f"not a verdict: {error}"


def share_of_size(verdict: Verdict, confidence_min: Decimal) -> Decimal:
    """How much of the planned long to buy: all of it at most, nothing unless it is confirmed."""
    if verdict.action != "LONG" or verdict.confidence < float(confidence_min):
        return ZERO
    return SHARES[verdict.risk_level]
