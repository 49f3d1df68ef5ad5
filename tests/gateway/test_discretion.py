"""What a log may not repeat, and what whoever writes to us may not do to it: it is what an operator reads, and for years."""

import json
from io import StringIO
from uuid import UUID

import pytest
import structlog

from core.settings import Settings, as_environment
from gateway.discretion import Discretion
from tests.gateway.test_logs import event_in, log_into, written

__all__ = ["written"]

SECRET = "a-callback-secret-of-length"
SETTINGS = Settings(
    env="production",
    callback_secret=SECRET,
    database_url="postgresql://jasho:pa%2Fss-word-1@db/jasho",
    redis_url="redis://:redis-password@redis/0",
    vendors={"JASHO_AT_API_KEY": "atsk_0123456789abcdef"},
)
HOSTILE = [
    "\n2026-11-26 [info] money moved",
    '"}\r\n{"event":"forged"}',
    "\x1b[2J\x1b]0;title\x07",
    "\x9b31m",
    "\u2028\u2029\x85\x0b\x0c",
    "\u202egnp.exe",
    "%s %d %n {} {event} {0.__class__}",
    "\udcff\ud800",
    "x" * 64 * 1024,
    "\x00" * 64 * 1024,
    "é" * 64 * 1024,
]


@pytest.mark.parametrize(
    "number",
    [
        "+254711000001",
        "254711000001",
        "00254711000001",
        "0711000001",
        "711000001",
        "0711 000 001",
        "+254 711-000-001",
        "(0711) 000.001",
        "%2B254711000001",
        "٠٧١١٠٠٠٠٠١",
        "phone0711000001x",
    ],
)
def test_a_phone_number_is_not_in_clear_however_it_is_written(number: str) -> None:
    masked = Discretion(Settings()).mask(f"Key (phone)=({number}) already exists")
    assert number.lstrip("%2Bphone").rstrip("x")[:-3] not in masked
    assert ("711" in masked, "٧١١" in masked) == (False, False)
    assert "…001" in masked or "…٠٠١" in masked


@pytest.mark.parametrize(
    "text",
    [
        str(UUID("01234567-0123-7123-8123-012345678901")),
        "ATUid_0123456789abcdef0123456789abcdef",
        "SM01234567890123456789012345678a01",
        "2026-11-26 04:32:04.123456+00:00",
        "192.168.100.100",
        "requested WAL segment 000000010000000000000003 has already been removed",
        "000000010000000A00000012.partial",
        "JASHO_CALLBACK_ALLOW 102.219.210.0/24",
        "ProgrammingError 42601 at core/ledger/audit.py:1120",
        "http://127.0.0.1:8000",
    ],
)
def test_what_only_has_as_many_digits_as_a_phone_number_stays_readable(text: str) -> None:
    assert Discretion(Settings()).mask(text) == text


def test_a_phone_number_is_masked_wherever_in_a_line_it_stands(written: StringIO) -> None:
    phone = "+254711000001"
    structlog.get_logger().info(
        f"of {phone}",
        reason=phone,
        number=254711000001,
        people=[phone, {phone: phone}],
        raw=phone.encode(),
        reference="0711000001",
    )
    event = event_in(written)
    assert event.pop("reference") == "0711000001", "a receipt's, made of random bits"
    assert "711000" not in json.dumps(event)
    assert json.dumps(event, ensure_ascii=False).count("…001") == 7


def test_a_number_at_the_end_of_what_is_read_of_a_long_value_is_not_cut_into_one_that_stays(written: StringIO) -> None:
    log = structlog.get_logger()
    for before in range(2000 - 12, 2000 + 1):
        log.info("x", text="0123456789012345678 " * 97 + "-" * (before - 1940) + "+254711000001")
    assert "25471" not in written.getvalue()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (f"POST /api/ussd/africastalking/{SECRET}/events failed", "POST /api/ussd/africastalking/…/events failed"),
        ("redis://:redis-password@redis/0", "redis://redis/…"),
        ("https://user:secret@example.org/path?token=1#x is away", "https://example.org/… is away"),
        ("redis://:pass/wo@rd@redis/0 is away", "redis://redis/… is away"),
        ("HTTPS://user:secret@example.org", "HTTPS://example.org"),
        ("https://example.org?token=1", "https://example.org/…"),
        ("FATAL: password pa/ss-word-1 or pa%2Fss-word-1", "FATAL: password … or …"),
        ("key=atsk_0123456789abcdef", "key=…"),
        ("http://127.0.0.1:8000/", "http://127.0.0.1:8000/"),
    ],
)
def test_a_secret_in_a_text_is_not_repeated(text: str, told: str) -> None:
    assert Discretion(SETTINGS).mask(text) == told


def test_the_words_of_a_developers_machine_are_not_taken_for_secrets() -> None:
    assert Discretion(Settings()).mask("local production postgresql") == "local production postgresql"
    assert all(Discretion(Settings()).mask(name) == name for name in as_environment(Settings()))


def test_an_operator_may_read_what_he_has_set_and_is_no_secret() -> None:
    settings = Settings(env="production-of-uganda", callback_allow="ten.example.org/24")
    text = "production-of-uganda takes callbacks from ten.example.org/24"
    assert Discretion(settings).mask(text) == text


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
@pytest.mark.parametrize("env", ["production", "local"])
def test_whatever_a_caller_writes_is_one_short_line_that_moves_no_cursor(written: StringIO, text: str, env: str) -> None:
    log_into(written, Settings(env=env))
    structlog.get_logger().warning("malformed", reason=text, session=[text], field={text: text})
    line = written.getvalue().removesuffix("\n")
    assert line.isprintable()
    assert len(line) < 8000
    line.encode()
    if env == "production":
        assert json.loads(line)["event"] == "malformed"


@pytest.mark.parametrize(
    "text", ["://" + "g" * 64_000, "1 " * 32_000, "1" * 64_000, "0 1-2." * 10_000 + "x", "a1" * 32_000 + "://@"]
)
def test_a_value_made_to_be_slow_is_looked_through_and_cut(text: str) -> None:
    """In the square of its length this would take minutes."""
    discretion = Discretion(SETTINGS)
    for _ in range(20):
        assert len(discretion(None, "info", {"event": "x", "text": text})["text"]) <= 501


class Unspeakable:
    def __str__(self) -> str:
        raise RuntimeError


def test_a_value_that_cannot_be_told_costs_its_caller_nothing(written: StringIO) -> None:
    deep: list[object] = []
    deep.append(deep)
    structlog.get_logger().info(
        "x", what=Unspeakable(), deep=deep, bytes=b"\xff\xfe", many=range(10**9), large=10**400, nan=float("nan")
    )
    assert event_in(written)["what"] == "Unspeakable that raises RuntimeError"
