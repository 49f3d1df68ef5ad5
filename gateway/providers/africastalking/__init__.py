"""Africa's Talking: USSD and SMS."""

from gateway.providers.africastalking import settings, sms, sms_callbacks, ussd

__all__ = ["settings", "sms", "sms_callbacks", "ussd"]
