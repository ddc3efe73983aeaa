"""Stars over secrets, in every log line, whoever wrote it.

Three nets: values that were registered (in the forms that they leak in), names that always hold a secret, and text
that looks like one. The last net catches what other libraries log.
"""

import base64
import logging
import re
from collections.abc import Mapping, MutableMapping
from typing import Any
from urllib.parse import quote

STARS = "***"
SHORTEST = 6
"""Shorter values are not registered: they would star out innocent text."""

SECRET_NAME = re.compile(
    r"pass(word|wd|phrase)|secret|token|api[_-]?key|private[_-]?key|key[_-]?ring|signature|authorization|cookie|csrf"
    r"|credential|sealed|wrapped[_-]?key|otp|recovery[_-]?code",
    re.IGNORECASE,
)
LOOKS_SECRET = (
    re.compile(r"\btf_[a-z]+_[A-Za-z0-9_-]{16,}"),
    re.compile(r"(?<=://)[^/\s:@]*:[^/\s@]+(?=@)"),
    re.compile(r"(?i)(?<=\bbearer )\S+"),
    re.compile(r"(?i)(?<=\bbasic )[A-Za-z0-9+/=]{8,}"),
)
NAMED_VALUE = re.compile(
    r"(?i)(\b[\w-]*(?:password|passwd|secret|token|api-?key|apikey|api_key|signature)\b[\"']?\s*[=:]\s*[\"']?)"
    r"([^\s\"'&,;}\])]+)"
)


class Redactor:
    """Stars out secrets in text and in log events. One object a process; register secrets as they are read."""

    def __init__(self) -> None:
        self._forms: dict[str, None] = {}

    def __repr__(self) -> str:
        return f"Redactor({len(self._forms)} forms)"

    def register(self, secret: str) -> None:
        """Never show this value again: plain, quoted for a URL, as hex or as base64."""
        if len(secret) < SHORTEST:
            return
        raw = secret.encode()
        encoded = (base64.b64encode(raw).decode(), base64.urlsafe_b64encode(raw).decode())
        for form in (secret, quote(secret, safe=""), raw.hex(), *encoded, *(text.rstrip("=") for text in encoded)):
            self._forms[form] = None
        # Longest first, so that a form which contains another is starred out whole.
        self._forms = dict.fromkeys(sorted(self._forms, key=len, reverse=True))

    def scrub(self, text: str) -> str:
        for form in self._forms:
            text = text.replace(form, STARS)
        for pattern in LOOKS_SECRET:
            text = pattern.sub(STARS, text)
        return NAMED_VALUE.sub(rf"\1{STARS}", text)

    def scrub_value(self, value: Any) -> Any:
        if isinstance(value, str):
            return self.scrub(value)
        if isinstance(value, bytes):
            return self.scrub(value.decode(errors="replace"))
        if isinstance(value, Mapping):
            return {name: self._scrub_named(name, inner) for name, inner in value.items()}
        if isinstance(value, list | tuple | set | frozenset):
            return [self.scrub_value(inner) for inner in value]
        if value is None or isinstance(value, bool | int | float):
            return value
        return self.scrub(str(value))

    def _scrub_named(self, name: Any, value: Any) -> Any:
        # A count or a flag under such a name ("tokens": 3) tells nothing.
        if SECRET_NAME.search(str(name)) and not (value is None or isinstance(value, bool | int)):
            return STARS
        return self.scrub_value(value)

    def __call__(self, _logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        """As a structlog processor: put it after the one that formats exceptions, before the renderer."""
        for name in list(event):
            event[name] = self._scrub_named(name, event[name])
        return event


class RedactingFilter(logging.Filter):
    """The same for the standard library's logging. Put it on every handler: loggers do not inherit filters."""

    def __init__(self, redactor: Redactor) -> None:
        super().__init__()
        self._redactor = redactor
        self._formatter = logging.Formatter()

    def filter(self, record: logging.LogRecord) -> bool:
        # A structlog event on its way through the standard library is a dict; it was scrubbed as such.
        if isinstance(record.msg, str):
            self._scrub_message(record)
        if record.exc_info:
            record.exc_text = self._redactor.scrub(self._formatter.formatException(record.exc_info))
            record.exc_info = None
        return True

    def _scrub_message(self, record: logging.LogRecord) -> None:
        if isinstance(record.args, tuple):
            # One by one where that is enough: uvicorn's access formatter reads the arguments themselves.
            record.args = tuple(self._redactor.scrub(arg) if isinstance(arg, str) else arg for arg in record.args)
        message = record.getMessage()
        scrubbed = self._redactor.scrub(message)
        if scrubbed != message:
            record.msg, record.args = scrubbed, None
