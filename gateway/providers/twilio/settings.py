"""The settings of Twilio."""

from dataclasses import dataclass, field

from core.settings import Vendor


@dataclass(frozen=True, slots=True)
class TwilioSettings:
    """Each field is the variable `JASHO_TWILIO_<FIELD>`. `from_` is a number, a sender ID or a messaging service (MG...)."""

    account_sid: str
    from_: str
    auth_token: str = field(repr=False)
    base_url: str = ""


VENDOR = Vendor("JASHO_TWILIO_", TwilioSettings, ("account_sid", "auth_token", "from_"), "https://api.twilio.com")
