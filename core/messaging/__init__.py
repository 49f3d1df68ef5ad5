"""Notices to people, from the outbox to the delivery report; and the SMS that come in."""
