"""The chart of accounts: their kinds, and how code names the service's own accounts without asking the database.

| kind | whose | holds |
|---|---|---|
| wallet | a customer | what she can spend |
| goal | a customer | what she has put aside for one of her savings goals |
| escrow | an employer | a hired job's pay, kept until it is done; one account a hire |
| float | an agent | what he can sell as balance |
| commission | an agent | what he has earned and not yet taken out |
| trust | the service | cash at the bank, as a negative balance: everything else is owed out of it |
| fees | the service | what customers paid for transfers, excise taken off |
| excise | the service | the tax in those fees, owed to the state |
| commissions | the service | what agents earned, as a negative balance: the cost of them |
| unclaimed | the service | money on its way to people who have no account yet, or have none any more |
| settlement | the service | what other operators' networks owe us (negative) or we owe them |
| premiums | the service | what covers cost, less what claims paid out |
| liquidity | the service | what one currency is exchanged out of and another into |
"""

from dataclasses import dataclass
from functools import cache
from uuid import NAMESPACE_URL, UUID, uuid5

from core.countries import CURRENCIES

WALLET = "wallet"
GOAL = "goal"
ESCROW = "escrow"
FLOAT = "float"
COMMISSION = "commission"
TRUST = "trust"
FEES = "fees"
EXCISE = "excise"
COMMISSIONS = "commissions"
UNCLAIMED = "unclaimed"
SETTLEMENT = "settlement"
PREMIUMS = "premiums"
LIQUIDITY = "liquidity"

PEOPLES_KINDS = (WALLET, GOAL, ESCROW, FLOAT, COMMISSION)
SYSTEM_KINDS = (TRUST, FEES, EXCISE, COMMISSIONS, UNCLAIMED, SETTLEMENT, PREMIUMS, LIQUIDITY)
# Nearly every transfer touches these accounts. One row each would make all transfers wait for it, so each has this many.
STRIPES = 16


@dataclass(frozen=True, slots=True)
class SystemAccount:
    """An account of the service itself, without its stripe: `post` chooses one."""

    kind: str
    currency: str

    def stripe(self, number: int) -> UUID:
        """The id of a stripe's row. It is computed, so nobody has to look it up."""
        return _stripe(self.kind, self.currency, number)


@cache
def _stripe(kind: str, currency: str, number: int) -> UUID:
    return uuid5(NAMESPACE_URL, f"jasho:account:{kind}:{currency}:{number}")


def name_account(account_id: UUID, owner: UUID | None, kind: str, currency: str) -> UUID | SystemAccount:
    """How a leg names the account of a row: people's accounts by id, the service's own without their stripe."""
    return SystemAccount(kind, currency) if owner is None else account_id


def list_system_accounts() -> list[tuple[UUID, SystemAccount]]:
    """One row for each stripe of each kind in each currency: what a new database starts with."""
    return [
        (account.stripe(number), account)
        for kind in SYSTEM_KINDS
        for currency in CURRENCIES
        for account in [SystemAccount(kind, currency)]
        for number in range(STRIPES)
    ]
