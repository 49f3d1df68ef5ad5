"""The menus as a picture: Mermaid for people who read text, SVG for a page. What `jasho menus graph` prints."""

from collections.abc import Iterable
from html import escape

from core.inventory import list_refusals
from menus.engine.dsl import HOME_SCREEN, Ask, Choice, End, Pick, Screen
from menus.engine.machine import WELCOME_SCREEN
from menus.screens import SCREENS

_COLUMN, _ROW, _WIDTH, _HEIGHT, _MARGIN = 250, 46, 205, 32, 16
_COLOURS = {Choice: "#e7f0ea", Ask: "#fdf3dc", Pick: "#e3eef7", End: "#e9e7f2"}


def ways(screen: Screen) -> list[tuple[str, str]]:
    """(destination, the keys that lead there) without refusals, each destination once: the way of somebody who is understood."""
    refused = {refusal.code for refusal in list_refusals()}
    keys_of: dict[str, list[str]] = {}
    if isinstance(screen, Ask | Pick):
        for outcome, destination in screen.goto.items():
            if outcome not in refused:
                keys_of[destination] = [""]
    elif isinstance(screen, Choice):
        for option in screen.options:
            goto = {"": option.goto} if isinstance(option.goto, str) else option.goto
            for destination in dict.fromkeys(destination for outcome, destination in goto.items() if outcome not in refused):
                keys_of.setdefault(destination, []).append(option.key)
    return [(destination, ", ".join(keys)) for destination, keys in keys_of.items() if destination != screen.name]


def mermaid(screens: Iterable[Screen] = SCREENS) -> str:
    """A Mermaid flowchart: choices are boxes, lists have double sides, questions lean, ends are round."""
    shapes = {Choice: ("[", "]"), Ask: ("[/", "/]"), Pick: ("[[", "]]"), End: ("([", "])")}
    lines = ["flowchart LR"]
    for screen in screens:
        opens, closes = shapes[type(screen)]
        lines.append(f'    {screen.name}{opens}"{_label(screen)}"{closes}')
    for screen in screens:
        lines += [f"    {screen.name} -->{f'|{keys}|' if keys else ''} {destination}" for destination, keys in ways(screen)]
    return "\n".join(lines) + "\n"


def svg(screens: Iterable[Screen] = SCREENS) -> str:
    """The flowchart as a picture: a column for each step away from the first screens."""
    by_name = {screen.name: screen for screen in screens}
    places = _places(by_name)
    width = max(column for column, _ in places.values()) * _COLUMN + _WIDTH + 2 * _MARGIN
    height = max(row for _, row in places.values()) * _ROW + _HEIGHT + 2 * _MARGIN
    drawn = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="11">',
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
    ]
    for name, screen in by_name.items():
        drawn += [_arrow(places[name], places[destination], keys) for destination, keys in ways(screen)]
    drawn += [_box(places[name], screen) for name, screen in by_name.items()]
    return "\n".join([*drawn, "</svg>"]) + "\n"


def _places(by_name: dict[str, Screen]) -> dict[str, tuple[int, int]]:
    """(column, row) of every screen: its distance from the first one, and a row of its own below the screen it comes from."""
    places: dict[str, tuple[int, int]] = {}
    next_row = 0

    def place(name: str, column: int) -> None:
        nonlocal next_row
        if name in places:
            return
        places[name] = (column, next_row)
        before = next_row
        for destination, _ in ways(by_name[name]):
            place(destination, column + 1)
        if next_row == before:
            next_row += 1

    for root in (HOME_SCREEN, WELCOME_SCREEN, *by_name):
        place(root, 0)
    return places


def _arrow(start: tuple[int, int], end: tuple[int, int], keys: str) -> str:
    x1, y1 = _MARGIN + start[0] * _COLUMN + _WIDTH, _MARGIN + start[1] * _ROW + _HEIGHT // 2
    x2, y2 = _MARGIN + end[0] * _COLUMN, _MARGIN + end[1] * _ROW + _HEIGHT // 2
    bend = x1 + (_COLUMN - _WIDTH) // 2
    label = f'<text x="{x2 - 20}" y="{y2 - 3}" fill="#555555" text-anchor="middle">{escape(keys)}</text>' if keys else ""
    return f'<path d="M{x1} {y1} C{bend} {y1} {bend} {y2} {x2} {y2}" fill="none" stroke="#9aa5a0"/>{label}'


def _box(place: tuple[int, int], screen: Screen) -> str:
    x, y = _MARGIN + place[0] * _COLUMN, _MARGIN + place[1] * _ROW
    radius = _HEIGHT // 2 if isinstance(screen, End) else 4
    fill = _COLOURS[type(screen)]
    return (
        f'<rect x="{x}" y="{y}" width="{_WIDTH}" height="{_HEIGHT}" rx="{radius}" fill="{fill}" stroke="#4b5a52"/>'
        f'<text x="{x + _WIDTH // 2}" y="{y + 20}" text-anchor="middle">{escape(_label(screen, 30))}</text>'
    )


def _label(screen: Screen, longest: int = 60) -> str:
    text = " ".join(screen.text.split()).replace('"', "'")
    return text if len(text) <= longest else text[: longest - 1].rstrip() + "..."
