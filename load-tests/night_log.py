"""What the log of a night must be."""

import json
from collections import Counter
from typing import Any

from night_faults import Night
from provider import MOODS

from core.settings import Settings
from tests import pins
from tests.crash import upgrade

MOST_BYTES = 1_000_000
SERVERS = ("PostgreSQL", "Redis")
# What a worker makes of each fault of a provider.
CODES = {"refuses": "HTTP", "hangs up": "ConnectionError", "is silent": "ReadTimeout", "answers garbage": "JSONDecodeError"}


def examine(text: str, night: Night, settings: Settings) -> list[str]:
    findings = [] if len(text.encode()) <= MOST_BYTES else [f"the log has {len(text.encode())} bytes"]
    lines: list[dict[str, Any]] = []
    for line in text.splitlines():
        try:
            lines.append(json.loads(line))
        except ValueError:
            findings.append(f"no JSON: {line[:300]}")
    findings += [f"holds what it must not: {line[:300]}" for line in text.splitlines() if holds_secret(line, settings)]
    for server in SERVERS:
        injected = Counter({kind: count for kind, count in night.faults.items() if kind.startswith(server)})
        findings += outages(lines, server, injected)
    return findings + provider_faults(lines, night)


def provider_faults(lines: list[dict[str, Any]], night: Night) -> list[str]:
    """A provider that rests is left alone, so that a second fault of it may meet nobody: each kind is looked for by itself."""
    moods = [mood for mood in MOODS if night.faults[f"provider {mood}"]]
    codes = {line["code"] for line in lines if line["event"] == "provider rests"}
    if not moods or (len(moods) > 1 and codes):
        return []
    missing = {CODES[mood] for mood in moods} - codes
    return [f"no line says that the provider rests for {code}; they say {codes}" for code in missing]


def holds_secret(line: str, settings: Settings) -> bool:
    secrets = [settings.callback_secret, settings.data_key, *upgrade.PHONES, *(phone[4:] for phone in upgrade.PHONES)]
    secrets += [settings.vendors["JASHO_AT_API_KEY"]]
    return "Traceback" in line or any(secret in line for secret in secrets) or bool(pins.found_in(line.encode()))


def outages(lines: list[dict[str, Any]], server: str, injected: Counter[str]) -> list[str]:
    """Each process that met an outage tells it once, and its end once.

    The worker waits for a frozen database longer than these freezes last, so that it need not notice one.
    """
    events = Counter((line["role"], line["event"]) for line in lines if line.get("what") == server)
    most = injected.total()
    least = {"web": most}
    if server == "PostgreSQL":
        least["worker"] = most - injected["PostgreSQL frozen"]
    findings = []
    for role, fewest in least.items():
        begun, ended = events[role, "an outage begins"], events[role, "an outage is over"]
        if begun != ended or not fewest <= begun <= most:
            findings.append(f"{role}: {fewest} to {most} outages of {server}; {begun} began in the log, {ended} were over")
    return findings


def bytes_of_faults(text: str) -> int:
    """What is left of the log without the line that each transfer has, which a quiet night writes too."""
    return sum(len(line.encode()) + 1 for line in text.splitlines() if '"event":"money moved"' not in line)
