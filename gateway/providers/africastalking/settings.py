"""The settings of Africa's Talking."""

from dataclasses import dataclass, field

from core.settings import Vendor


@dataclass(frozen=True, slots=True)
class AfricasTalkingSettings:
    """Each field is the variable `JASHO_AT_<FIELD>`.

    Without a sender it sends under its own default. Without an address the SDK calls its own, by the username (`sandbox` or
    live).
    """

    username: str
    api_key: str = field(repr=False)
    sender: str = ""
    base_url: str = ""


VENDOR = Vendor("JASHO_AT_", AfricasTalkingSettings, ("username", "api_key"), "https://api.africastalking.com")
