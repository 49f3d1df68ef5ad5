"""Jobs."""

from menus.dsl import Screen

SCREENS: tuple[Screen, ...] = ()
