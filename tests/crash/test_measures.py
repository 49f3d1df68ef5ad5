"""The fault driver fails where something is wrong, and where it has seen too little to tell."""

import signal
from collections import Counter
from dataclasses import replace
from unittest.mock import Mock

import psutil
import pytest
import servers
from measures import SWALLOWED, Figures, Harmed, Wait, count_lines, counted, failings, longest_quiet

WELL = Figures(
    {"lost": [], "doubled": [], "halves": [], "unasked": [], "untrue sentences": [], "unsent": []},
    transfers=95,
    sentences=1_115,
    not_judged=0,
    asked_faults=18,
    faults=Counter({SWALLOWED: 1, "a process killed": 17}),
    swallowed=7,
    longest_wait_seconds=8.0,
    longest_code_seconds=5.0,
    log=Counter(info=5_000, warning=90, error=40),
)


def test_a_run_in_which_all_went_well_does_not_fail() -> None:
    assert failings(WELL) == []


@pytest.mark.parametrize(
    "figures",
    [
        *(replace(WELL, findings={**WELL.findings, name: ["it"]}) for name in WELL.findings),
        replace(WELL, transfers=0),
        replace(WELL, transfers=17),
        replace(WELL, sentences=100),
        replace(WELL, not_judged=1),
        replace(WELL, faults=Counter()),
        replace(WELL, faults=Counter({SWALLOWED: 1, "a process killed": 16})),
        replace(WELL, faults=Counter(), asked_faults=0),
        replace(WELL, swallowed=0),
        replace(WELL, longest_wait_seconds=8.1),
        replace(WELL, longest_code_seconds=5.1),
        replace(WELL, log=Counter(warning=400)),
        replace(WELL, log=Counter(traceback=382)),
    ],
)
def test_a_run_with_anything_wrong_or_too_little_seen_fails(figures: Figures) -> None:
    assert len(failings(figures)) >= 1


@pytest.mark.parametrize(
    ("wait", "is_counted"),
    [
        (Wait(0, 9, is_answered=True), True),
        (Wait(9, 11, is_answered=True), False),
        (Wait(9, 40, is_answered=False), False),
        (Wait(11, 30, is_answered=True), True),
        (Wait(25, 26, is_answered=True), True),
        (Wait(49, 51, is_answered=True), False),
        (Wait(55, 70, is_answered=True), False),
        (Wait(61, 70, is_answered=True), True),
    ],
)
def test_a_harmed_process_excuses_what_it_had_in_hand_and_nothing_that_came_later(wait: Wait, is_counted: bool) -> None:
    harmed = [Harmed(10, 20), Harmed(50, 60, is_all=True)]
    assert counted([wait], harmed) == ([wait] if is_counted else [])


@pytest.mark.parametrize(
    ("troubles", "seconds"),
    [
        ([], 20),
        ([(0, 100)], 0),
        ([(0, 14)], 16),
        ([(12, 14)], 16),
        ([(14, 29)], 4),
        ([(25, 50), (5, 12)], 13),
        ([(0, 5), (40, 50)], 20),
    ],
)
def test_a_code_is_late_by_the_time_in_which_nothing_kept_it(troubles: list[tuple[float, float]], seconds: float) -> None:
    assert longest_quiet(Wait(10, 30, is_answered=True), troubles) == seconds


def test_a_traceback_is_counted_inside_a_line_and_outside() -> None:
    lines = [
        '{"level": "error", "exception": "Traceback (most recent call last):\\n..."}',
        '{"level": "warning", "event": "x"}',
        "Traceback (most recent call last):",
        '  File "x", line 1',
        "[]",
        "7",
    ]
    assert count_lines(lines) == Counter(traceback=2, error=1, warning=1)


def test_a_child_of_the_server_that_has_gone_meanwhile_keeps_no_other_from_its_signal(monkeypatch: pytest.MonkeyPatch) -> None:
    gone, here = Mock(**{"send_signal.side_effect": psutil.NoSuchProcess(1)}), Mock()
    monkeypatch.setattr(servers, "processes", lambda *_: [gone, here])
    monkeypatch.setattr(psutil, "wait_procs", lambda *_, **__: ([], []))
    servers.end(Mock(), "postgres", signal.SIGKILL)
    servers.freeze(Mock(), "postgres", 0)
    assert [call.args[0] for call in here.send_signal.call_args_list] == [signal.SIGKILL, signal.SIGSTOP, signal.SIGCONT]
