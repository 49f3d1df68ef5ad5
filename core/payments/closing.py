"""Whether a customer's payments let her close her account."""

from uuid import UUID

from sqlalchemy import ColumnElement, exists

from core.tables.payments import payment


def is_in_use(customer_id: UUID) -> ColumnElement[bool]:
    """Is a payment of the customer's on its way?"""
    return exists().where(payment.c.customer_id == customer_id, payment.c.status.in_(["new", "asked"]))
