"""An actor's log: JSON lines on standard output, which Ray keeps in its session folder."""

import logging
from typing import Any

import structlog


def set_up_logs(level: str, *processors: Any) -> None:
    """From here on every line of this process is one JSON object. `processors` see it last, for instance to redact."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            *processors,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level]),
        logger_factory=structlog.PrintLoggerFactory(),
    )
