"""Which providers there are. Only this module knows: everything else gets what it makes."""

from collections.abc import Mapping

from starlette.routing import BaseRoute

from core import inventory
from core import settings as core_settings
from core.operations.refusals import PinResetOff
from core.operations.switches import CHANNELS, Switches, provider, rail
from core.rail import Rail
from core.runtime import Runtime
from core.settings import Settings
from gateway.providers import africastalking, local, twilio
from gateway.sms.pool import ProviderPool
from gateway.sms.provider import Provider
from gateway.ussd.road import Road

VENDORS = (africastalking.settings.VENDOR, twilio.settings.VENDOR)
# Without a code by SMS nobody gets on there.
_NEED_SMS = (PinResetOff.switch,)


def read_settings(environment: Mapping[str, str] | None = None) -> Settings:
    """The settings of the service and of its providers. Raises BadSettings with everything that is wrong."""
    return core_settings.read(environment, VENDORS)


def runtime(settings: Settings) -> Runtime:
    """What every service needs, with the rails that the settings name."""
    has_sms = settings.is_local or any(vendor.read(settings) is not None for vendor in VENDORS)
    return Runtime.of(settings, rails(settings), lacking=() if has_sms else _NEED_SMS)


def rails(settings: Settings) -> Mapping[str, Rail]:
    """What carries money in and out, by name. A developer's machine has a rail that the simulated phone answers."""
    local_rails: list[Rail] = [local.rail.LocalRail()] if settings.is_local else []
    return {local_rail.name: local_rail for local_rail in local_rails}


def switches(settings: Settings) -> tuple[str, ...]:
    """The names of all switches: features, rails, providers of SMS, channels."""
    features = [refusal.switch for refusal in inventory.list_refusals() if refusal.switch]
    vendors = [provider(vendor.name) for vendor in (africastalking.sms.AfricasTalking, twilio.sms.Twilio)]
    return (*features, *(rail(name) for name in rails(settings)), *vendors, *CHANNELS)


def sms_pool(settings: Settings, switches: Switches | None = None) -> ProviderPool | None:
    """The settings' providers of SMS, or None. To be made once a process: it bounds the threads of all calls."""
    providers: list[Provider] = []
    if (africastalking_settings := africastalking.settings.VENDOR.read(settings)) is not None:
        providers.append(africastalking.sms.AfricasTalking(africastalking_settings))
    if (twilio_settings := twilio.settings.VENDOR.read(settings)) is not None:
        providers.append(twilio.sms.Twilio(twilio_settings, settings.public_url))
    return ProviderPool(providers, switches) if providers else None


def routes(runtime: Runtime, road: Road, pool: ProviderPool | None) -> list[BaseRoute]:
    """Every callback of every provider."""
    return [
        *africastalking.ussd.routes(runtime.settings, road),
        *africastalking.sms_callbacks.routes(runtime, pool),
        *twilio.sms_callbacks.routes(runtime, pool),
    ]
