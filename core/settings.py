"""What the service is told from outside. The environment is read here and nowhere else.

`load()` takes the `JASHO_...` variables (and a `.env` file in the current folder) and answers with a frozen Settings.
Nothing is required on a developer's machine; in production every secret is.
"""

import base64
import binascii
import ipaddress
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields

from dotenv import dotenv_values

from core.money import CURRENCY_OF_COUNTRY

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_BASE_URL = r"(https?://[^\s/]+/?)?"
_LOCAL_DATA_KEY = base64.b64encode(b"one developer's own key, 32 byte").decode()
_SECRETS = ("callback_secret", "pin_pepper", "data_key")
_NEEDED_IN_PRODUCTION = ("database_url", "redis_url", *_SECRETS)
# What each provider of SMS has to be told, by how its settings begin.
_SMS_PROVIDERS = {"at_": ("at_username", "at_api_key"), "twilio_": ("twilio_account_sid", "twilio_auth_token", "twilio_from")}


class BadSettings(ValueError):
    """What the operator has to mend, a line a setting, in words that name the variable and never its value."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Each field is the variable `JASHO_<FIELD>`; the defaults here are those of a developer's machine."""

    env: str = "local"
    database_url: str = ""  # empty: the embedded PostgreSQL
    redis_url: str = ""  # empty: the embedded Valkey
    public_url: str = "http://127.0.0.1:8000"
    service_code: str = "*384*96#"
    country: str = "KE"
    callback_secret: str = "local"  # noqa: S105 - refused in production
    callback_allow: str = ""  # networks, comma between; empty: any
    pin_pepper: str = "local"
    data_key: str = _LOCAL_DATA_KEY  # AES-256, base64 or hex
    # Who carries SMS. With neither, the simulator's inbox gets them; in production they wait.
    at_username: str = ""
    at_api_key: str = ""
    at_sender: str = ""  # empty: what Africa's Talking sends under by itself
    at_base_url: str = ""  # empty: the SDK's own, by the username (`sandbox` or live)
    twilio_account_sid: str = ""
    twilio_auth_token: str = ""
    twilio_from: str = ""
    twilio_base_url: str = ""

    @property
    def is_local(self) -> bool:
        return self.env == "local"

    @property
    def currency(self) -> str:
        return CURRENCY_OF_COUNTRY[self.country]

    @property
    def data_key_bytes(self) -> bytes:
        """The 32 bytes of the AES-256 key. Raises ValueError where the setting holds something else."""
        return _key_bytes(self.data_key)

    @property
    def has_africastalking(self) -> bool:
        """Does Africa's Talking carry SMS?"""
        return bool(self.at_username and self.at_api_key)

    @property
    def has_twilio(self) -> bool:
        return bool(self.twilio_account_sid and self.twilio_auth_token and self.twilio_from)

    @property
    def callback_networks(self) -> tuple[Network, ...]:
        """Who may call back; empty where anybody who knows the secret may."""
        return tuple(ipaddress.ip_network(part.strip()) for part in self.callback_allow.split(",") if part.strip())


def load(environment: Mapping[str, str] | None = None) -> Settings:
    """Settings from the process's environment, over a `.env` file. Raises BadSettings naming everything that is wrong."""
    if environment is None:
        environment = {name: value for name, value in dotenv_values(".env").items() if value is not None} | dict(os.environ)
    given = {
        field.name: environment[variable(field.name)].strip()
        for field in fields(Settings)
        if environment.get(variable(field.name), "").strip()
    }
    settings = Settings(**given)
    if wrong := [*_malformed(settings), *_half_configured(settings), *_missing_in_production(settings, given)]:
        raise BadSettings("\n".join(wrong))
    return settings


def as_environment(settings: Settings) -> dict[str, str]:
    """The variables that `load` would make these settings of."""
    return {variable(field.name): str(getattr(settings, field.name)) for field in fields(Settings)}


def hand_down(settings: Settings) -> None:
    """Writes the settings into this process's environment, for the workers that it is about to start."""
    os.environ.update(as_environment(settings))


def variable(name: str) -> str:
    """The environment variable of a setting: `JASHO_REDIS_URL` of `redis_url`."""
    return f"JASHO_{name.upper()}"


def _malformed(settings: Settings) -> list[str]:
    checks = {
        "env": settings.env in ("local", "production"),
        "country": settings.country in CURRENCY_OF_COUNTRY,
        "service_code": re.fullmatch(r"\*[0-9]+(\*[0-9]+)*#", settings.service_code) is not None,
        "public_url": re.fullmatch(r"https?://[^\s/]+/?", settings.public_url) is not None,
        "database_url": re.match(r"(postgres(ql)?(\+psycopg)?://|$)", settings.database_url) is not None,
        "redis_url": re.match(r"((rediss?|unix)://|$)", settings.redis_url) is not None,
        "data_key": _holds(_key_bytes, settings.data_key),
        "callback_allow": _holds(lambda _: settings.callback_networks, settings.callback_allow),
        "callback_secret": re.fullmatch(r"[A-Za-z0-9_-]+", settings.callback_secret) is not None,
        "at_base_url": re.fullmatch(_BASE_URL, settings.at_base_url) is not None,
        "twilio_base_url": re.fullmatch(_BASE_URL, settings.twilio_base_url) is not None,
    }
    says = {
        "env": "must be local or production",
        "country": f"must be one of {', '.join(CURRENCY_OF_COUNTRY)}",
        "service_code": "must look like *384*96#",
        "public_url": "must be the service's address, like https://jasho.example",
        "database_url": "must be a postgresql:// address",
        "redis_url": "must be a redis://, rediss:// or unix:// address",
        "data_key": "must be 32 bytes in base64 or hex; make one with: openssl rand -base64 32",
        "callback_allow": "must be networks with commas between, like 192.0.2.0/24",
        "callback_secret": "may hold letters, digits, - and _ only: it is part of an address",
        "at_base_url": "must be an address, like https://api.africastalking.com",
        "twilio_base_url": "must be an address, like https://api.twilio.com",
    }
    return [f"{variable(name)} {says[name]}" for name, is_well in checks.items() if not is_well]


def _half_configured(settings: Settings) -> list[str]:
    """A provider of SMS that was told some of what it needs."""
    wrong = []
    for prefix, needed in _SMS_PROVIDERS.items():
        said = _told(settings, prefix)
        others = ", ".join(map(variable, said))
        wrong += [f"{variable(name)} is not set, and {others} needs it" for name in needed if said and name not in said]
    return wrong


def _told(settings: Settings, prefix: str) -> list[str]:
    return [field.name for field in fields(Settings) if field.name.startswith(prefix) and getattr(settings, field.name)]


def _missing_in_production(settings: Settings, given: Mapping[str, str]) -> list[str]:
    if settings.is_local:
        return []
    local = Settings()
    return [
        f"{variable(name)} is needed in production and is " + ("not set" if name not in given else "the local default")
        for name in _NEEDED_IN_PRODUCTION
        if getattr(settings, name) == getattr(local, name) or (name == "data_key" and _is_local_key(settings))
    ]


def _is_local_key(settings: Settings) -> bool:
    """Also where it is written in hex instead."""
    return _holds(_key_bytes, settings.data_key) and settings.data_key_bytes == Settings().data_key_bytes


def _holds(read: Callable[[str], object], value: str) -> bool:
    try:
        read(value)
    except ValueError:
        return False
    return True


def _key_bytes(text: str) -> bytes:
    if re.fullmatch(r"[0-9a-fA-F]{64}", text):
        return bytes.fromhex(text)
    try:
        key = base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError("not base64") from error
    if len(key) != 32:
        raise ValueError("not 32 bytes")
    return key
