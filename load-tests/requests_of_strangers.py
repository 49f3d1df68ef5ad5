"""Requests as nobody means them: bytes, fields, sizes, slowness and order, made from a seed."""

import json
from dataclasses import dataclass
from random import Random
from urllib.parse import quote, urlencode

SECRET, WRONG = "local", "wrong"
_AT = [
    f"/api/{path}"
    for secret in (SECRET, WRONG)
    for path in (
        f"ussd/africastalking/{secret}",
        f"ussd/africastalking/{secret}/events",
        f"sms/africastalking/{secret}/inbound",
        f"sms/africastalking/{secret}/delivery",
        f"sms/africastalking/{secret}/optout",
    )
]
PATHS = [
    *_AT,
    "/api/sms/twilio/inbound",
    "/api/sms/twilio/status",
    "/healthz",
    "/readyz",
    "/simulator",
    "/simulator/settings",
    "/simulator/number",
    "/simulator/inbox",
    "/simulator/sms",
    "/simulator/prompts",
    "/simulator/prompts/6f1e1f0e-0000-4000-8000-000000000000",
    "/simulator/simulator.js",
    "/",
    "/api/nothing",
]
_FIELDS = [
    "sessionId", "phoneNumber", "serviceCode", "text", "networkCode", "id", "from", "to", "date", "status", "failureReason",
    "MessageSid", "MessageStatus", "From", "To", "Body", "attempt", "phone", "answer", "input", "cost",
]  # fmt: skip
_TEXTS = [
    "", "0", "1", "00", "98", "*", "***", "1*", "*1", "1*1*1*1*1*1*1*1*1", "9" * 400, "-1", "1e309", "٣", "½", "\x00", "a\x00b",
    "\u202e", "\ufeff", "é" * 200, "😀" * 100, "\r\n", "'; DROP TABLE x; --", "%s%n", "{0}", "${x}", "NaN", "1" * 5000, " ",
    "BAL", "SEND 500 0722000002", "SEND 99999999999999999999 0722000002", "SAVE -1", "bal\x00", "TUMA", "JOIN", "0711000001",
    "+254799000001", "*384*96#", "*384*96*1*1#", "*384*96*" + "1*" * 90 + "#", "2026-11-23T12:00:00+03:00",
]  # fmt: skip
_RAW = ["%", "%0", "%zz", "%ff%fe", "%ed%a0%80", "%00", "%C0%80", "&&&", "===", ";", "+" * 50, "a=%F4%90%80%80", "=", "a[]=1"]
_METHODS = ["POST"] * 9 + ["GET"] * 5 + ["HEAD", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "CONNECT", "post", "BREW", "PRI"]
_KINDS = [
    "application/x-www-form-urlencoded", "application/x-www-form-urlencoded; charset=utf-16", "application/json", "text/plain",
    "multipart/form-data; boundary=x", "multipart/form-data", "", "x" * 300, "application/xml",
]  # fmt: skip
_HEADERS = [
    "Host: evil.example", "Host:", "Host: [::1", "Origin: null", "Origin: http://evil.example", "Sec-Fetch-Site: cross-site",
    "Content-Length: 5", "Content-Length: 5, 5", "Content-Length: -1", "Content-Length: +5", "Content-Length: 0x10",
    "Content-Length: 99999999999999999999999", "Content-Length: 1e3", "Transfer-Encoding: chunked", "Transfer-Encoding: gzip",
    "Transfer-Encoding: chunked, chunked", "Transfer-Encoding : chunked", "Expect: 100-continue", "Expect: x", "Upgrade: h2c",
    "Connection: upgrade", "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: websocket", "Connection: close",
    "Connection: keep-alive, close", "X-Twilio-Signature: AAAAAAAAAAAAAAAAAAAAAAAAAAA=", "X-Twilio-Signature: x",
    "X-Twilio-Signature: \xff", "X-Forwarded-For: 127.0.0.1, ,\x00", "X-Forwarded-Proto: gopher", " folded: x", "no colon",
    "Range: bytes=0-0,1-1,2-2,-1", "Range: bytes=9999999999999999999999-", "Range: bytes=-", "If-Modified-Since: x",
    "If-None-Match: *", "If-Range: x", "Accept-Encoding: gzip;q=9", "Cookie: " + "a=b; " * 500, "X: " + "y" * 17_000, ": x",
    "X:\x01",
]  # fmt: skip


@dataclass(frozen=True)
class Attack:
    """What is sent, in pieces with a rest before each; what then: the caller reads, hangs up at once, or says no more."""

    pieces: list[bytes]
    rest_seconds: float
    then: str
    # The service owes it an answer.
    is_whole: bool


def attack(random: Random) -> Attack:
    made = random.choices([_whole, _odd, _several, _bytes], [10, 10, 2, 2])[0](random)
    is_whole = made.is_whole
    data = b"".join(made.pieces)
    if not is_whole and random.random() < 0.3:
        data = _damaged(random, data)
    pieces = [data]
    if random.random() < 0.3 and data:
        cuts = sorted(random.randrange(len(data)) for _ in range(random.randint(1, 12)))
        pieces = [data[start:end] for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True)]
        if not is_whole and random.random() < 0.2:
            random.shuffle(pieces)
    then = "read" if is_whole else random.choices(["read", "reset", "end", "wait"], [6, 2, 2, 0.3])[0]
    return Attack(pieces, random.choice([0, 0, 0.001, 0.02]), then, is_whole)


def _whole(random: Random) -> Attack:
    """A request in order, with odd texts in it."""
    body = _form(random).encode() if random.random() < 0.8 else _json(random)
    path = random.choice(PATHS) + (f"?{_form(random)}" if random.random() < 0.3 else "")
    method = random.choice(["POST", "POST", "GET"])
    head = f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: {random.choice(_KINDS)}\r\n"
    signature = "X-Twilio-Signature: AAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n" if "twilio" in path else ""
    return Attack([f"{head}{signature}Content-Length: {len(body)}\r\n\r\n".encode() + body], 0, "read", is_whole=True)


def _odd(random: Random) -> Attack:
    body = random.choice([_form(random).encode(), _json(random), random.randbytes(random.choice([0, 1, 900, 63_000, 70_000]))])
    lines = [
        f"{random.choice(_METHODS)} {_target(random)} {random.choice(['HTTP/1.1'] * 8 + ['HTTP/1.0', 'HTTP/2.0', 'HTTP/9', ''])}"
    ]
    lines += ["Host: 127.0.0.1"] * random.choice([1, 1, 1, 0, 2])
    lines += random.choices(_HEADERS, k=random.choice([0, 1, 1, 2, 3, 40]))
    if random.random() < 0.3:
        lines += ["Transfer-Encoding: chunked"]
        body = _chunks(random, body)
    elif random.random() < 0.8:
        lines += [f"Content-Length: {len(body) + random.choice([0, 0, 0, 0, 1, -1, 100])}"]
    end = random.choice(["\r\n"] * 9 + ["\n", "\r"])
    return Attack([(end.join(lines) + end * 2).encode("latin-1", "replace") + body], 0, "read", is_whole=False)


def _several(random: Random) -> Attack:
    """Requests that do not wait for an answer."""
    many = [random.choice([_whole, _odd])(random).pieces[0] for _ in range(random.randint(2, 8))]
    return Attack([b"".join(many)], 0, "read", is_whole=False)


def _bytes(random: Random) -> Attack:
    start = random.choice(
        [
            b"",
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
            b"GET ",
            b"POST /",
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            b"\r\n" * 50,
        ]
    )
    return Attack([start + random.randbytes(random.choice([0, 3, 200, 20_000]))], 0, "read", is_whole=False)


def _damaged(random: Random, data: bytes) -> bytes:
    changed = bytearray(data)
    for _ in range(random.randint(1, 6)):
        place = random.randrange(len(changed) + 1)
        changed[place : place + random.choice([0, 1, 5])] = random.choice(
            [b"", b"\x00", b"\xff", b"\r", b"\n", b" ", random.randbytes(3)]
        )
    return bytes(changed) if random.random() < 0.7 else bytes(changed)[: random.randrange(len(changed) + 1)]


def _target(random: Random) -> str:
    path = random.choice(PATHS)
    return random.choice(
        [path] * 6
        + [
            f"{path}/", f"/{path}", f"{path}?{_form(random)}", f"{path}#x", path.replace("/", "%2F"), f"{path}%00", f"{path}%zz",
            f"{path}/../../etc/passwd", "/simulator/..%2f..%2froutes.py", "/simulator/%2e%2e/routes.py", "/" + "x" * 5000,
            f"http://evil.example{path}", "*", "", "/\xff\xfe", "/" + quote("é😀"), path.upper(), f"{path};x=1",
            "/simulator/prompts/x", "evil.example:443", "/" * 3000, f"/api/ussd/africastalking/{quote(chr(0))}",
            "/api/ussd/africastalking/%ED%A0%80",
        ]
    )  # fmt: skip


def _form(random: Random) -> str:
    shape = random.random()
    if shape < 0.4:
        fields = {
            "sessionId": f"ATUid_{random.randrange(50)}",
            "phoneNumber": _number(random),
            "serviceCode": random.choice(["*384*96#"] * 200 + _TEXTS),
            "text": _text(random),
        }
        if random.random() < 0.3:
            fields[random.choice(list(fields))] = _text(random)
        return urlencode(fields)
    if shape < 0.6:
        sms = {"id": random.choice([f"i{random.randrange(1000)}", _text(random)]), "from": _number(random), "text": _text(random)}
        report = {"status": random.choice(["Success", "Failed", _text(random)]), "phoneNumber": _number(random)}
        return urlencode({**sms, **report, "date": _text(random)})
    if shape < 0.9:
        return urlencode(
            [(random.choice([*_FIELDS, _text(random)]), _text(random)) for _ in range(random.choice([1, 4, 12, 60]))]
        )
    return "&".join(random.choices([*_RAW, "text=" + random.choice(_RAW)], k=random.randint(1, 50)))


def _number(random: Random) -> str:
    return f"+2547990{random.randrange(100):05}"


def _text(random: Random) -> str:
    return random.choice(_TEXTS) if random.random() < 0.8 else "*".join(random.choices(_TEXTS, k=random.randint(2, 5)))


def _json(random: Random) -> bytes:
    whole = {"phone": random.choice(["0711000001", f"07990{random.randrange(100):05}", _text(random)]), "text": _text(random)}
    odd = [
        "[" * 2000,
        '{"phone":' * 200,
        '{"phone": 1e999, "text": 1}',
        '"\\ud800"',
        '{"phone": "0799000001", "text": "\\ud800"}',
        "null",
        "{",
    ]
    return random.choice(
        [json.dumps(whole), json.dumps(whole), json.dumps({"answer": _text(random)}), random.choice(odd)]
    ).encode()


def _chunks(random: Random, body: bytes) -> bytes:
    size = random.choice([1, 7, 1000, 65536])
    parts = [body[start : start + size] for start in range(0, min(len(body), size * 300), size)]
    extension = random.choice(["", "", ";a=b", ";" + "x" * 3000, " ", ";\x00"])
    framed = b"".join(f"{len(part):x}{extension}\r\n".encode() + part + b"\r\n" for part in parts)
    last = ["0\r\n\r\n"] * 4 + [
        "0\r\nX: y\r\n\r\n",
        "0\r\n" + "X: y\r\n" * 3000 + "\r\n",
        "",
        "-1\r\n\r\n",
        "fffffffffffffffff\r\n",
        "zz\r\n",
    ]
    return framed + random.choice(last).encode()
