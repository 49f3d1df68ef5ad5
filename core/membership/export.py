"""What the service holds about a customer, for herself: every family's rows that are hers.

Nothing calls it yet; REST's `/me/export` will.
"""

from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Select

from core.customers.profiles import Customer
from core.runtime import Runtime

# By the name of the list: the rows of one customer.
Exports = Mapping[str, Callable[[UUID], Select[Any]]]


async def export(runtime: Runtime, customer: Customer, exports: Exports) -> dict[str, list[dict[str, object]]]:
    """Each list under its name, as JSON can hold it: ids and moments as texts (RFC 3339), money in minor units.

    Sealed columns stay out: what they hold is shown by the service that opens them.
    """
    async with runtime.database.transaction() as connection:
        return {
            name: [_as_json(row) for row in (await connection.execute(query(customer.id))).mappings()]
            for name, query in exports.items()
        }


def _as_json(row: Mapping[Any, Any]) -> dict[str, object]:
    return {str(name): _plain(value) for name, value in row.items() if not isinstance(value, bytes)}


def _plain(value: object) -> object:
    if isinstance(value, datetime | date):
        return value.isoformat()
    return str(value) if isinstance(value, UUID) else value
