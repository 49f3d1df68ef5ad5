"""The providers of a developer's machine: the simulator answers for them."""

from gateway.providers.local import rail, sms

__all__ = ["rail", "sms"]
