import base64
import io
import logging
import string
from urllib.parse import quote

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from security.redaction import RedactingFilter, Redactor
from security.tokens import TokenKind, mint

SECRET = "Zx9-quite/secret+value"


def fail() -> None:
    raise ValueError(SECRET)


@pytest.fixture
def redactor() -> Redactor:
    redactor = Redactor()
    redactor.register(SECRET)
    return redactor


@pytest.mark.parametrize(
    "form",
    [
        SECRET,
        quote(SECRET, safe=""),
        SECRET.encode().hex(),
        base64.b64encode(SECRET.encode()).decode(),
        base64.urlsafe_b64encode(SECRET.encode()).decode(),
    ],
)
def test_a_registered_value_is_starred_out_in_every_form(redactor: Redactor, form: str) -> None:
    assert form not in redactor.scrub(f"before {form} after")
    assert redactor.scrub("before and after") == "before and after"


@given(secret=st.text(string.printable.replace("*", ""), min_size=6, max_size=40), around=st.text(max_size=20))
def test_no_registered_value_survives(secret: str, around: str) -> None:
    redactor = Redactor()
    redactor.register(secret)
    assert secret not in redactor.scrub(f"{around}{secret}{around}")


@pytest.mark.parametrize("kind", list(TokenKind))
def test_our_own_tokens_are_known_by_their_look(kind: TokenKind) -> None:
    token = mint(kind)
    assert Redactor().scrub(f"GET /enter/{token} from 127.0.0.1") == "GET /enter/*** from 127.0.0.1"


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("postgresql://app:hunter22@db/x", "postgresql://***@db/x"),
        ("Authorization: Bearer abc.def", "Authorization: Bearer ***"),
        ("/api/v3/order?symbol=X&signature=aabbcc&timestamp=1", "/api/v3/order?symbol=X&signature=***&timestamp=1"),
        ('{"secret": "abc", "name": "x"}', '{"secret": "***", "name": "x"}'),
        ("api_key=abc123, next", "api_key=***, next"),
        ("password: hunter22", "password: ***"),
        ("the token expired", "the token expired"),
    ],
)
def test_text_that_looks_like_a_secret_is_starred_out(text: str, clean: str) -> None:
    assert Redactor().scrub(text) == clean


def test_structlog_events_are_scrubbed_by_name_and_by_value_however_deep(redactor: Redactor) -> None:
    event = {
        "event": f"saw {SECRET}",
        "password": "hunter22",
        "headers": {"Cookie": "a=b", "host": "x", "list": [f"{SECRET}!", 3]},
        "tokens": 3,
        "body": SECRET.encode(),
    }
    assert redactor(None, "info", event) == {
        "event": "saw ***",
        "password": "***",
        "headers": {"Cookie": "***", "host": "x", "list": ["***!", 3]},
        "tokens": 3,
        "body": "***",
    }


def test_it_works_as_a_structlog_processor(redactor: Redactor) -> None:
    out = io.StringIO()
    log = structlog.wrap_logger(
        structlog.PrintLogger(out),
        processors=[structlog.processors.format_exc_info, redactor, structlog.processors.JSONRenderer()],
    )
    try:
        fail()
    except ValueError:
        log.exception("it failed", api_key="abc")
    assert SECRET not in out.getvalue()
    assert '"api_key": "***"' in out.getvalue()


def test_the_logging_filter_scrubs_messages_arguments_and_tracebacks(redactor: Redactor) -> None:
    out = io.StringIO()
    handler = logging.StreamHandler(out)
    handler.addFilter(RedactingFilter(redactor))
    log = logging.Logger("test")
    log.addHandler(handler)
    log.info("sent %s", SECRET)
    log.info("token=%s", "short")
    try:
        fail()
    except ValueError:
        log.exception("it failed")
    assert SECRET not in out.getvalue()
    assert "short" not in out.getvalue()
    assert "ValueError: ***" in out.getvalue()


def test_arguments_stay_where_a_formatter_reads_them(redactor: Redactor) -> None:
    record = logging.LogRecord(
        "uvicorn.access", logging.INFO, "", 0, '%s "%s %s" %d', ("1.2.3.4:5", "GET", f"/{SECRET}", 200), None
    )
    RedactingFilter(redactor).filter(record)
    assert record.args == ("1.2.3.4:5", "GET", "/***", 200)


def test_what_is_too_short_to_tell_apart_is_not_registered() -> None:
    redactor = Redactor()
    redactor.register("abc")
    assert redactor.scrub("abcdef") == "abcdef"
