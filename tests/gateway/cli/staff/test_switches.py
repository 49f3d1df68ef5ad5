"""`jasho switch` and `jasho banner`, as the office uses them."""

import asyncio

from core.operations import board
from core.runtime import Runtime
from core.settings import Settings
from gateway import wiring
from tests.gateway.cli.command import Done, check_failed_in_one_line, jasho


async def office(settings: Settings, *arguments: str) -> Done:
    return await asyncio.to_thread(jasho, arguments, settings)


async def test_the_office_switches_a_feature_off_sees_who_did_it_and_switches_it_on(settings: Settings) -> None:
    done = await office(settings, "switch", "off", "send", "--why", "double  postings", "--by", "Neema")
    assert (done.returncode, done.stdout) == (0, "send is off. All processes know it within 5 seconds.\n")
    again = await office(settings, "switch", "off", "send", "--why", "me too", "--by", "Juma")
    assert again.returncode == 0
    assert again.stdout.startswith("send is off already: since 20")
    assert again.stdout.endswith("by Neema, double postings. Nothing was changed.\n")
    seen = (await office(settings, "switch", "list")).stdout.splitlines()
    assert [line.split()[0] for line in seen] == [*wiring.switches(settings)]
    [off] = [line for line in seen if " OFF " in line]
    assert off.startswith("send ")
    assert off.endswith("by Neema, double postings")
    assert (await office(settings, "switch", "on", "send", "--by", "Juma")).stdout.startswith("send is on.")
    assert " OFF " not in (await office(settings, "switch", "list")).stdout
    obeyed = await office(settings, "switch", "off", "float", "--why", "audit", "--by", "Neema")
    assert obeyed.returncode == 0
    refused = await office(settings, "float", "buy", "200100", "500", "--reference", "R1", "--by", "Neema", "--yes")
    check_failed_in_one_line(refused, "Float and commission cannot be moved for now")


async def test_what_the_office_mistypes_is_told_in_one_line_and_switches_nothing(settings: Settings, runtime: Runtime) -> None:
    for arguments, word in (
        (["off", "sned", "--why", "w", "--by", "Neema"], "there is no switch sned: there are send, "),
        (["on", "sned", "--by", "Neema"], "there is no switch sned"),
        (["off", "send", "--by", "Neema"], "--why"),
        (["off", "send", "--why", " ", "--by", "Neema"], "--why is a line of text"),
        (["off", "send", "--why", "w" * 201, "--by", "Neema"], "200"),
        (["off", "send", "--why", "w", "--by", " "], "--by is a name"),
    ):
        check_failed_in_one_line(await office(settings, "switch", *arguments), word)
    async with runtime.database.autocommit() as connection:
        assert (await board.read(connection)).changes == {}


async def test_the_office_writes_a_banner_and_learns_what_is_wrong_with_one(settings: Settings, runtime: Runtime) -> None:
    texts = ["--en", "Closed on Monday.", "--sw", "Tumefunga Jumatatu."]
    assert (await office(settings, "banner", "set", *texts, "--until", "2126-12-24 18:00")).returncode == 0
    async with runtime.database.autocommit() as connection:
        banner = (await board.read(connection)).banner
    assert banner is not None
    assert banner.until is not None
    assert (banner.texts["sw"], banner.until.isoformat()) == ("Tumefunga Jumatatu.", "2126-12-24T15:00:00+00:00")
    for arguments, word in (
        (["--en", "Closed.", "--sw", "x" * 161], "--sw: it takes 161 septets"),
        (["--en", "Closed “now”", "--sw", "Sasa"], "--en: a phone cannot show"),
        (["--en", "Closed."], "--sw"),
        ([*texts, "--until", "2020-01-01 10:00"], "--until is over already"),
    ):
        check_failed_in_one_line(await office(settings, "banner", "set", *arguments), word)
    assert (await office(settings, "banner", "clear")).returncode == 0
    async with runtime.database.autocommit() as connection:
        assert (await board.read(connection)).banner is None
