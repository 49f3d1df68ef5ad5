"""Every screen of the phone's menus, in the order in which they are drawn. A new menu is a line here."""

from menus import (
    account,
    agent,
    approvals,
    balance,
    deposit,
    endings,
    help,  # noqa: A004 - a menu is called what customers call it
    home,
    insurance,
    opening,
    register,
    savings,
    send,
    withdraw,
)
from menus.engine.dsl import Screen
from menus.jobs import finding as jobs

SCREENS: tuple[Screen, ...] = (
    *home.SCREENS,
    *opening.SCREENS,
    *approvals.SCREENS,
    *register.SCREENS,
    *balance.SCREENS,
    *deposit.SCREENS,
    *withdraw.SCREENS,
    *send.SCREENS,
    *endings.SCREENS,
    *savings.SCREENS,
    *jobs.SCREENS,
    *insurance.SCREENS,
    *account.SCREENS,
    *help.SCREENS,
    *agent.SCREENS,
)
