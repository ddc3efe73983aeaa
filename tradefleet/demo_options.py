"""What may be asked of a demo."""

import msgspec


class DemoOptions(msgspec.Struct, frozen=True, kw_only=True):
    accounts: int
    duration_s: float | None
    """None: until Ctrl-C."""
    as_json: bool
    """Print one JSON object last, on standard output; everything else goes to standard error."""
    fresh: bool
    """Delete what earlier demos left in the data directory first."""
