"""Twilio: SMS."""

from gateway.providers.twilio import settings, sms, sms_callbacks

__all__ = ["settings", "sms", "sms_callbacks"]
