"""What can be wrong with what this room is asked."""

from trading.strategies.contract import Indicator


class IndicatorError(Exception):
    """Base of all errors that this room raises."""


class UnknownIndicator(IndicatorError):
    def __init__(self, indicator: Indicator, known: str) -> None:
        super().__init__(f"{indicator.key} cannot be computed; there are {known}, with whole periods above zero")
