"""What can be wrong with what this room is given."""


class TradingError(Exception):
    """Base of all errors that this room raises. The message says what to do next and is safe to show."""
