"""Can the providers of SMS be reached? A connection is made and nothing is sent on it."""

import asyncio
import ssl
from urllib.parse import urlsplit

from core.settings import Settings
from gateway.cli.doctor.finding import Finding, broken, well, wrong
from gateway.wiring import VENDORS


async def sms(settings: Settings) -> Finding:
    """Which providers are configured."""
    # The name of a provider's folder.
    names = [vendor.settings_type.__module__.split(".")[-2] for vendor in VENDORS if vendor.read(settings) is not None]
    if not names:
        return wrong(settings, "no provider of SMS", "set one: without it messages and codes wait, and expire")
    return well(", ".join(names))


async def reach(settings: Settings) -> Finding:
    """Connects to each configured provider, at its configured address."""
    places = [given.base_url or vendor.example for vendor in VENDORS if (given := vendor.read(settings)) is not None]
    answers = await asyncio.gather(*(_connect(place) for place in places))
    away = [urlsplit(place).hostname or "" for place, is_there in zip(places, answers, strict=True) if not is_there]
    if away:
        return broken(f"no connection to {', '.join(away)}", "look at the way out: firewall, DNS, certificates")
    return well(", ".join(urlsplit(place).hostname or "" for place in places) or "nobody to ask")


async def _connect(place: str) -> bool:
    address = urlsplit(place)
    context = ssl.create_default_context() if address.scheme == "https" else None
    try:
        async with asyncio.timeout(3):
            _, writer = await asyncio.open_connection(address.hostname, address.port or (443 if context else 80), ssl=context)
    except (OSError, TimeoutError, ValueError):
        return False
    writer.transport.abort()
    return True
