"""What the service is told from outside. The environment is read here and nowhere else.

`read()` takes the `JASHO_...` variables (and a `.env` file in the current folder) and returns frozen Settings. A developer's
machine needs none of them; production needs every secret. Providers' variables are passed on as they are: each provider's own
`settings.py` makes a frozen class of them by a Vendor.
"""

import base64
import binascii
import ipaddress
import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import timedelta
from typing import Any, Generic, TypeVar

from dotenv import dotenv_values

from core.countries import COUNTRIES

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_PREFIX = "JASHO_"
_BASE_URL = r"(https?://[^\s/]+/?)?"
_LOCAL_DATA_KEY = base64.b64encode(b"one developer's own key, 32 byte").decode()
_LOCAL_BACKUP_KEY = base64.b64encode(b"one developer's key for backups.").decode()
# What a log may repeat; of every other setting it says whether it is set.
_SHOWN = ("env", "public_url", "service_code", "country", "callback_allow")
_SECRETS = ("callback_secret", "pin_pepper", "data_key")
# A delivery report may come two days late, and a provider may deliver an SMS again a day later.
LEAST_DAYS, MOST_DAYS = 7, 3650
# With a longer one, some texts would take a second SMS or screen: the lint of menus proves them with this.
MOST_SERVICE_CODE_CHARACTERS = 16
# For `jasho migrate`, `backup` and `restore`. Whoever breaks into a process that answers strangers does not get them there.
_OWNERS = ("migrate_database_url", "backup_key")
_NEEDED_IN_PRODUCTION = ("database_url", "redis_url", *_SECRETS)


class BadSettings(ValueError):
    """What the operator has to correct, one line for each setting: it names the variable and never its value."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Each field is the variable `JASHO_<FIELD>`; the defaults here are those of a developer's machine."""

    env: str = "local"
    database_url: str = ""  # empty: the embedded PostgreSQL
    migrate_database_url: str = ""  # the owner's address, for `jasho migrate` alone; empty: `database_url`
    redis_url: str = ""  # empty: the embedded Valkey
    public_url: str = "http://127.0.0.1:8000"
    service_code: str = "*384*96#"
    country: str = "KE"
    callback_secret: str = "local"  # noqa: S105 - refused in production
    callback_allow: str = ""  # networks, comma between; empty: any
    pin_pepper: str = "local"
    data_key: str = _LOCAL_DATA_KEY  # AES-256, base64 or hex
    keep_messages_days: str = "90"
    backup_key: str = _LOCAL_BACKUP_KEY  # AES-256, base64 or hex; in production for `jasho backup` and `restore` only
    # The providers' settings, by variable: each provider reads its own.
    vendors: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def owner_database_url(self) -> str:
        """The database as its owner reaches it."""
        return self.migrate_database_url or self.database_url

    @property
    def is_local(self) -> bool:
        return self.env == "local"

    @property
    def currency(self) -> str:
        return COUNTRIES[self.country].currency

    @property
    def network(self) -> str:
        """The mobile money network that customers mean, a key of `core.rail.NETWORKS`."""
        return COUNTRIES[self.country].network

    @property
    def messages_are_kept_for(self) -> timedelta:
        """How long a message stays after the last thing that happened to it. Raises ValueError where it is no such number."""
        return timedelta(days=_days(self.keep_messages_days))

    @property
    def data_key_bytes(self) -> bytes:
        """The 32 bytes of the AES-256 key. Raises ValueError where the setting holds something else."""
        return _key_bytes(self.data_key)

    @property
    def backup_key_bytes(self) -> bytes:
        """The 32 bytes that backups are sealed under. Raises ValueError where the setting holds something else."""
        return _key_bytes(self.backup_key)

    @property
    def callback_networks(self) -> tuple[Network, ...]:
        """The networks that may call back; empty where anybody who knows the secret may."""
        return tuple(ipaddress.ip_network(part.strip()) for part in self.callback_allow.split(",") if part.strip())


_VendorSettings = TypeVar("_VendorSettings")


@dataclass(frozen=True, slots=True)
class Vendor(Generic[_VendorSettings]):
    """Reads a provider's settings into `settings_type`, a frozen dataclass of texts: one for each variable `<prefix><FIELD>`.

    Without the fields in `needed` the others are useless; a field `base_url` has to be an address like `example`.
    """

    prefix: str
    settings_type: type[_VendorSettings]
    needed: tuple[str, ...]
    example: str

    @property
    def variables(self) -> tuple[str, ...]:
        return tuple(self._variable(name) for name in self._names)

    def read(self, settings: "Settings") -> _VendorSettings | None:
        """The provider's settings; None where they are not enough to work with. `read` of this module has checked them."""
        given = self._given(settings)
        return self.settings_type(**given) if all(name in given for name in self.needed) else None

    def complaints(self, settings: "Settings") -> list[str]:
        """What the operator has to correct, one line for each variable."""
        given = self._given(settings)
        others = ", ".join(self._variable(name) for name in self._names if name in given)
        wrong = [
            f"{self._variable(name)} is not set, and {others} needs it" for name in self.needed if given and name not in given
        ]
        if re.fullmatch(_BASE_URL, given.get("base_url", "")) is None:
            wrong.append(f"{self.prefix}BASE_URL must be an address, like {self.example}")
        return wrong

    def _variable(self, name: str) -> str:
        return f"{self.prefix}{name.removesuffix('_').upper()}"

    @property
    def _names(self) -> list[str]:
        return [setting.name for setting in fields(self.settings_type)]  # type: ignore[arg-type]

    def _given(self, settings: "Settings") -> dict[str, str]:
        named = ((name, settings.vendors.get(self._variable(name), "")) for name in self._names)
        return {name: value for name, value in named if value}


def read(environment: Mapping[str, str] | None = None, vendors: Sequence[Vendor[Any]] = ()) -> Settings:
    """Settings from the process's environment, over a `.env` file. Raises BadSettings with everything that is wrong."""
    environment = _environment() if environment is None else environment
    variables = {name: value.strip() for name, value in environment.items() if name.startswith(_PREFIX) and value.strip()}
    ours = {variable(name): name for name in _names()}
    given = {ours[name]: value for name, value in variables.items() if name in ours}
    settings = Settings(**given, vendors={name: value for name, value in variables.items() if name not in ours})
    wrong = [*_malformed(settings), *_missing_in_production(settings, given)]
    wrong += [complaint for vendor in vendors for complaint in vendor.complaints(settings)]
    if wrong:
        raise BadSettings("\n".join(wrong))
    return settings


def trusted_proxies() -> str:
    """Whose word is taken for where a request comes from (`FORWARDED_ALLOW_IPS`): addresses and networks; empty: nobody's."""
    return _environment().get("FORWARDED_ALLOW_IPS", "").strip()


def _environment() -> dict[str, str]:
    return {name: value for name, value in dotenv_values(".env").items() if value is not None} | dict(os.environ)


def as_environment(settings: Settings) -> dict[str, str]:
    """The variables from which `read` would make these settings."""
    return {variable(name): str(getattr(settings, name)) for name in _names()} | dict(settings.vendors)


def shown(settings: Settings) -> dict[str, str]:
    """The settings as a log may tell them, by their variables: most as `set`, `local default` or left out."""
    local = Settings()
    words = {}
    for name, value in as_environment(settings).items():
        field_name = name.removeprefix(_PREFIX).lower()
        if field_name in _SHOWN:
            words[name] = value
        elif value:
            words[name] = "local default" if value == getattr(local, field_name, None) else "set"
    return words


def hand_down(settings: Settings) -> None:
    """Writes the settings into this process's environment, for the worker processes that it is about to start."""
    os.environ.update(as_environment(settings) | dict.fromkeys(map(variable, _OWNERS), ""))


def forget_owners() -> bool:
    """Takes what only the owner's commands need out of the environment. Was there anything?

    What a process was started with can be read for as long as it lives: who wants that forgotten, too, has to begin anew.
    """
    given = [variable(name) for name in _OWNERS if os.environ.get(variable(name))]
    # Empty and not gone: a `.env` file would give it again.
    os.environ.update(dict.fromkeys(given, ""))
    return bool(given)


def variable(name: str) -> str:
    """The environment variable of a setting: `JASHO_REDIS_URL` of `redis_url`."""
    return f"{_PREFIX}{name.upper()}"


# Where an @ or a / of a password is not written so, what comes behind it would be taken for a host, and be told to everybody.
_HOST = r"([^@/?#:,\[\]]*|\[[^\]@/]*\])(:[0-9]*)?"
_DATABASE_URL = re.compile(rf"(postgres(ql)?(\+psycopg)?://([^@/]*@)?{_HOST}(,{_HOST})*([/?]|$)|$)")


def _malformed(settings: Settings) -> list[str]:
    checks = {
        "env": settings.env in ("local", "production"),
        "country": settings.country in COUNTRIES,
        "service_code": len(settings.service_code) <= MOST_SERVICE_CODE_CHARACTERS
        and re.fullmatch(r"\*[0-9]+(\*[0-9]+)*#", settings.service_code) is not None,
        "public_url": re.fullmatch(r"https?://[^\s/]+/?", settings.public_url) is not None,
        "database_url": _DATABASE_URL.match(settings.database_url) is not None,
        "migrate_database_url": _DATABASE_URL.match(settings.migrate_database_url) is not None,
        "redis_url": re.match(r"((rediss?|unix)://|$)", settings.redis_url) is not None,
        "data_key": _holds(_key_bytes, settings.data_key),
        "keep_messages_days": _holds(_days, settings.keep_messages_days),
        "backup_key": _holds(_key_bytes, settings.backup_key),
        "callback_allow": _holds(lambda _: settings.callback_networks, settings.callback_allow),
        "callback_secret": re.fullmatch(r"[A-Za-z0-9_-]+", settings.callback_secret) is not None,
    }
    sentences = {
        "env": "must be local or production",
        "country": f"must be one of {', '.join(COUNTRIES)}",
        "service_code": f"must look like *384*96#, in {MOST_SERVICE_CODE_CHARACTERS} characters at most: texts fit with that",
        "public_url": "must be the service's address, like https://jasho.example",
        "database_url": "must be a postgresql:// address, in whose password @ is %40 and / is %2F",
        "migrate_database_url": "must be a postgresql:// address, in whose password @ is %40 and / is %2F",
        "redis_url": "must be a redis://, rediss:// or unix:// address",
        "data_key": "must be 32 bytes in base64 or hex; make one with: openssl rand -base64 32",
        "keep_messages_days": f"must be a number of days from {LEAST_DAYS} to {MOST_DAYS}",
        "backup_key": "must be 32 bytes in base64 or hex; make one with: openssl rand -base64 32",
        "callback_allow": "must be networks with commas between, like 192.0.2.0/24",
        "callback_secret": "may hold letters, digits, - and _ only: it is part of an address",
    }
    return [f"{variable(name)} {sentences[name]}" for name, is_well in checks.items() if not is_well]


def _names() -> list[str]:
    return [setting.name for setting in fields(Settings) if setting.name != "vendors"]


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
    """Also where it is written in hex."""
    return _holds(_key_bytes, settings.data_key) and settings.data_key_bytes == Settings().data_key_bytes


def _holds(read: Callable[[str], object], value: str) -> bool:
    try:
        read(value)
    except ValueError:
        return False
    return True


def _days(text: str) -> int:
    if re.fullmatch(r"[0-9]{1,5}", text) is None or not LEAST_DAYS <= int(text) <= MOST_DAYS:
        raise ValueError("not a keeping time")
    return int(text)


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
