"""The menu as a picture: for somebody who would rather look than read tables."""

import re
import xml.etree.ElementTree as ET

import pytest

from menus import screens as jasho_screens
from menus.draw import mermaid, svg, ways
from menus.engine.dsl import Ask, Choice, End, Option, Outcome, Screen, ok
from menus.engine.session import Step
from tests.menus.engine import shop

SVG = "{http://www.w3.org/2000/svg}"
SHOP = (*shop.SCREENS, Choice("register_language", "Karibu"))
MENUS = pytest.mark.parametrize("screens", [jasho_screens.SCREENS, SHOP], ids=["jasho", "shop"])


def shapes(picture: str) -> list[ET.Element]:
    return list(ET.fromstring(picture))  # noqa: S314 - our own picture


def boxes(picture: str) -> list[ET.Element]:
    """A box for each screen, in the order of the screens; the background is none."""
    return [shape for shape in shapes(picture) if shape.tag == f"{SVG}rect" and shape.get("rx")]


@MENUS
def test_every_screen_is_in_the_chart_once(screens: tuple[Screen, ...]) -> None:
    lines = [line.strip() for line in mermaid(screens).splitlines()]
    assert lines[0] == "flowchart LR"
    for screen in screens:
        assert sum(line.startswith((f"{screen.name}[", f"{screen.name}([")) for line in lines) == 1


@MENUS
def test_every_way_is_in_the_chart(screens: tuple[Screen, ...]) -> None:
    lines = {line.strip() for line in mermaid(screens).splitlines()}
    for screen in screens:
        for destination, keys in ways(screen):
            assert f"{screen.name} -->{f'|{keys}|' if keys else ''} {destination}" in lines


@MENUS
def test_the_picture_is_well_formed_and_shows_every_screen_and_way(screens: tuple[Screen, ...]) -> None:
    drawn = shapes(svg(screens))
    arrows = [shape for shape in drawn if shape.tag == f"{SVG}path"]
    assert len(boxes(svg(screens))) == len(screens)
    assert len(arrows) == sum(len(ways(screen)) for screen in screens)


@MENUS
def test_every_arrow_leads_from_the_right_of_one_screen_to_the_left_of_another(screens: tuple[Screen, ...]) -> None:
    drawn = svg(screens)
    sides = [[int(box.get(name, "")) for name in ("x", "y", "width", "height")] for box in boxes(drawn)]
    left = {(x, y + height // 2) for x, y, _, height in sides}
    right = {(x + width, y + height // 2) for x, y, width, height in sides}
    for arrow in (shape.get("d", "") for shape in shapes(drawn) if shape.tag == f"{SVG}path"):
        numbers = [int(number) for number in re.findall(r"-?\d+", arrow)]
        assert tuple(numbers[:2]) in right
        assert tuple(numbers[-2:]) in left


@MENUS
def test_every_screen_is_within_the_picture_with_a_margin(screens: tuple[Screen, ...]) -> None:
    drawn = svg(screens)
    _, _, width, height = [int(number) for number in ET.fromstring(drawn).get("viewBox", "").split()]  # noqa: S314 - our own
    sides = [[int(box.get(name, "")) for name in ("x", "y", "width", "height")] for box in boxes(drawn)]
    margin = min(x for x, *_ in sides)
    assert margin == min(y for _, y, *_ in sides) > 0
    assert max(x + box_width for x, _, box_width, _ in sides) == width - margin
    assert max(y + box_height for _, y, _, box_height in sides) == height - margin


@MENUS
def test_no_screen_hides_another(screens: tuple[Screen, ...]) -> None:
    places = [(box.get("x"), box.get("y")) for box in boxes(svg(screens))]
    assert len(set(places)) == len(screens)


def test_the_picture_is_read_from_left_to_right() -> None:
    screens = (
        Choice("home", "Shop", options=(Option("1", "Teas", goto="teas"),)),
        Choice("teas", "Teas", options=(Option("1", "Green", goto="green"),)),
        Choice("register_language", "Karibu", options=(Option("1", "Home", goto="home"),)),
        End("green", "Green tea."),
    )
    x = {name: int(box.get("x", "")) for name, box in zip(("home", "teas", "karibu", "green"), boxes(svg(screens)), strict=True)}
    assert x["home"] < x["teas"] < x["green"]


def test_a_text_with_signs_of_its_own_does_not_break_the_picture() -> None:
    screens = (
        Choice("home", 'Tea & "milk" <now>', options=(Option("1", "Go", goto="end"),)),
        Choice("register_language", "x"),
        End("end", "Bye"),
    )
    texts = [shape.text for shape in shapes(svg(screens)) if shape.tag == f"{SVG}text"]
    assert "Tea & 'milk' <now>" in texts
    assert "home[\"Tea & 'milk' <now>\"]" in mermaid(screens)


def test_options_that_lead_to_one_screen_share_an_arrow() -> None:
    home = Choice("home", "Shop", options=tuple(Option(str(number), "Soon", goto="soon") for number in (1, 2, 3)))
    assert ways(home) == [("soon", "1, 2, 3")]


def test_a_question_is_drawn_by_where_the_right_answer_leads() -> None:
    ask = Ask("order", "How many?", do=shop.order, goto={"ok": "done", "bad_amount": "order", "not_enough": "home"})
    assert ways(ask) == [("done", "")]


def test_an_option_is_drawn_once_and_without_its_refusals() -> None:
    async def pour(_: Step) -> Outcome:
        return ok()

    goto = {"ok": "done", "poured": "done", "bad_amount": "home", "not_enough": "money"}
    assert ways(Choice("home", "Tea?", (Option("1", "Yes", goto=goto, do=pour),))) == [("done", "1")]
