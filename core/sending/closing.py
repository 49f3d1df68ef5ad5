"""Whether a customer's invitations let her close her account."""

from uuid import UUID

from sqlalchemy import ColumnElement, exists

from core.tables.sending import invitation


def is_in_use(customer_id: UUID) -> ColumnElement[bool]:
    """Does money of the customer's wait for somebody who has not joined?"""
    return exists().where(invitation.c.sender_id == customer_id, invitation.c.status == "waiting")
