"""What the settings say, without asking anybody."""

import ipaddress
from urllib.parse import urlsplit

from core.settings import Settings, trusted_proxies, variable
from gateway import wiring
from gateway.cli.doctor.finding import Finding, broken, weak, well, wrong

_SECRETS = ("pin_pepper", "data_key", "callback_secret")
_SHORTEST_SECRET = 32
# Of 32 random hex digits fewer are as good as never there.
_FEWEST_DIFFERENT = 8
# M-Pesa registers no callback address with one of them.
_FORBIDDEN_WORDS = ("mpesa", "m-pesa", "safaricom")


async def settings(given: Settings) -> Finding:
    """What the service is, in a line."""
    rails = ", ".join(wiring.rails(given)) or "no rail of money"
    return well(f"{given.env}, {given.country}, {given.service_code}, {rails}")


async def secrets(given: Settings) -> Finding:
    """Are the secrets one's own and long? How long one is, is no part of the answer."""
    default = Settings()
    local = [variable(name) for name in _SECRETS if getattr(given, name) == getattr(default, name)]
    if local:
        return wrong(
            given, f"everybody's: {', '.join(local)}", "nothing on a developer's machine; production needs secrets of its own"
        )
    guessed = [variable(name) for name in _SECRETS if _is_guessed(getattr(given, name))]
    if guessed:
        return weak(
            f"short or of few different characters: {', '.join(guessed)}",
            "make new ones with openssl rand -hex 32; see docs/operating.md before you change one in use",
        )
    return well("long enough")


async def public_url(given: Settings) -> Finding:
    """Can providers call the address that they are told?"""
    address = urlsplit(given.public_url)
    host = (address.hostname or "").lower()
    if address.scheme != "https" or _is_of_a_machine(host):
        return wrong(
            given,
            f"{variable('public_url')} is no https address with a name",
            "set it to the address that providers call, like https://jasho.example",
        )
    if words := [word for word in _FORBIDDEN_WORDS if word in given.public_url.lower()]:
        return weak(
            f"{variable('public_url')} has the word {words[0]}", "M-Pesa registers no callback address with it: take another name"
        )
    return well(host)


async def callers(given: Settings) -> Finding:
    """Whose calls are taken, and whose word for where they come from."""
    proxies = [part.strip() for part in trusted_proxies().split(",") if part.strip()]
    networks = [network for network in given.callback_networks if network.prefixlen]
    if proxies == ["*"] or any(_is_everybody(proxy) for proxy in proxies):
        return broken("FORWARDED_ALLOW_IPS believes everybody", "name the proxy's address")
    if names := [proxy for proxy in proxies if not _is_address(proxy)]:
        return wrong(
            given, f"FORWARDED_ALLOW_IPS names no address: {', '.join(names)}", "write the proxy's address: nobody asks for names"
        )
    if networks and not proxies:
        return wrong(
            given,
            f"{variable('callback_allow')} is set and FORWARDED_ALLOW_IPS is not",
            "name the proxy, or every call seems to come from it; where none stands in front, put one there",
        )
    if not networks and not given.is_local:
        return weak(f"{variable('callback_allow')} keeps nobody out who knows the secret", "name the telco's networks")
    return well(f"{len(networks)} networks; a proxy is {'named' if proxies else 'not named'}")


def _is_address(place: str) -> bool:
    """As uvicorn reads it: an address, or a network whose last bits are zero."""
    try:
        ipaddress.ip_network(place)
    except ValueError:
        return False
    return True


def _is_everybody(place: str) -> bool:
    return _is_address(place) and ipaddress.ip_network(place).prefixlen == 0


def _is_guessed(secret: str) -> bool:
    return len(secret) < _SHORTEST_SECRET or len(set(secret)) < _FEWEST_DIFFERENT


def _is_of_a_machine(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return "." not in host or host.endswith((".localhost", ".local"))
    return True
