"""Loads `jasho`. What is loaded stays, so looking through it for garbage, then and in every later round, is time lost."""

import gc

gc.disable()

from gateway.cli.main import main  # noqa: E402 - not before the collector rests

__all__ = ["main"]

gc.freeze()
gc.enable()
