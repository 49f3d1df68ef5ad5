"""Money that is moved and does not come back: shown before it moves, and moved after a yes."""

import sys

import click

from gateway.cli.command import Failure

yes_option = click.option("--yes", is_flag=True, help="Do it unasked, for scripts.")


def require_terminal(*, is_agreed: bool) -> None:
    """It runs before anything is started. Raises Failure where nobody could answer."""
    if not is_agreed and not sys.stdin.isatty():
        raise Failure("this cannot be undone, and there is no terminal to ask at: give --yes to do it unasked")


def require_yes(what: str) -> None:
    """Says what will happen, and asks. Raises Failure after a no."""
    if not click.confirm(f"{what} This cannot be undone. Do it?"):
        raise Failure("nothing was done")
