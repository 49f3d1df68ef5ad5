"""`jasho agent` and `jasho float`, as the office uses them."""

import psycopg
import pytest

from core.settings import Settings
from tests.core.counter import NUMBER
from tests.gateway.cli.command import check_failed_in_one_line, jasho, jasho_at_a_terminal


def test_the_office_makes_an_agent_and_is_told_the_number_in_one_line(settings: Settings) -> None:
    command = ["agent", "add", "--phone", "0711000001", "--name", "Asha's Kiosk", "--place", "Thika", "--float", "5,000", "--yes"]
    done = jasho(command, settings)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    [line] = done.stdout.splitlines()
    assert line.startswith("Agent number: ")
    number = line.split()[-1]
    again = jasho(command, settings)
    assert (again.returncode, again.stdout, again.stderr) == (0, done.stdout, "")
    renamed = jasho(["agent", "add", "--phone", "0711000001", "--name", "Other"], settings)
    assert (renamed.returncode, renamed.stdout) == (0, done.stdout)
    assert "was an agent already" in renamed.stderr
    with psycopg.connect(settings.database_url) as connection:
        query = "SELECT a.balance FROM account a JOIN agent g ON g.customer_id = a.owner WHERE a.kind = 'float' AND g.number = %s"
        assert connection.execute(query, [number]).fetchone() == (500_000,)
    assert jasho(["ledger", "verify"], settings).returncode == 0


def test_the_office_sells_float_and_buys_it_back_and_is_told_what_was_done_before(settings: Settings) -> None:
    buy = ["float", "buy", NUMBER, "5000", "--reference", "FT1", "--by", "Amina", "--yes"]
    first = jasho(buy, settings)
    assert first.returncode == 0, first.stderr
    assert "KES 5,000 added to the float of 200100 Mama Njeri Shop. It is KES 105,000 now." in first.stdout
    second = jasho(buy, settings)
    assert second.returncode == 0
    assert second.stdout.startswith("The bank's reference FT1 was worked off before")
    assert "nothing was done now" in second.stdout
    sold = jasho(["float", "sell", NUMBER, "105000", "--reference", "FT1", "--by", "Amina", "--yes"], settings)
    assert "KES 105,000 taken from the float of 200100 Mama Njeri Shop. It is KES 0 now." in sold.stdout
    assert jasho(["ledger", "verify"], settings).returncode == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["agent", "add", "--phone", "nobody", "--name", "Kiosk"], ["nobody is not a mobile number"]),
        (["agent", "add", "--phone", "0799999999", "--name", "Kiosk"], ["0799999999 is not on Jasho yet", "*384*96#"]),
        (["agent", "add", "--phone", "0711000001", "--name", "<>"], ["name or place cannot be read"]),
        (["agent", "add", "--phone", "0711000001", "--name", "Kiosk", "--float", "much", "--yes"], ["much is not an amount"]),
        (["float", "buy", "999999", "5", "--reference", "FT1", "--by", "Amina", "--yes"], ["no agent has the number 999999"]),
        (["float", "buy", NUMBER, "-5", "--reference", "FT1", "--by", "Amina", "--yes"], ["-5 is not an amount"]),
        (["float", "buy", NUMBER, "0", "--reference", "FT1", "--by", "Amina", "--yes"], ["0 is not an amount"]),
        (
            ["float", "buy", NUMBER, "1000000000", "--reference", "FT1", "--by", "Amina", "--yes"],
            ["the most at once is KES 999,999,999"],
        ),
        (["float", "buy", NUMBER, "5", "--reference", "", "--by", "Amina", "--yes"], ["--reference"]),
        (["float", "sell", NUMBER, "100001", "--reference", "FT1", "--by", "Amina", "--yes"], ["has a float of KES 100,000"]),
    ],
)
def test_what_the_office_cannot_do_is_said_in_one_line(settings: Settings, arguments: list[str], words: list[str]) -> None:
    check_failed_in_one_line(jasho(arguments, settings), *words)


def test_a_reference_typed_for_the_wrong_agent_is_said_and_moves_nothing(settings: Settings) -> None:
    assert jasho(["float", "buy", NUMBER, "5000", "--reference", "FT1", "--by", "Amina", "--yes"], settings).returncode == 0
    refused = jasho(["float", "buy", NUMBER, "6000", "--reference", "FT1", "--by", "Amina", "--yes"], settings)
    check_failed_in_one_line(refused, "FT1 was worked off before", "nothing was done")


@pytest.mark.parametrize(("trade", "will"), [("buy", "added to"), ("sell", "taken from")])
def test_float_is_traded_after_a_yes_and_not_unasked(settings: Settings, trade: str, will: str) -> None:
    command = ["float", trade, NUMBER, "5000", "--reference", "FT1", "--by", "Amina"]
    check_failed_in_one_line(jasho(command, settings), "--yes")
    no = jasho_at_a_terminal(command, settings, "n\n")
    assert f"KES 5,000 will be {will} the float of 200100 Mama Njeri Shop, which is KES 100,000 now." in no.stdout
    assert (no.returncode, no.stderr) == (1, "jasho: nothing was done\n")
    yes = jasho_at_a_terminal(command, settings, "y\n")
    assert yes.returncode == 0, yes.stderr
    assert f"KES 5,000 {will} the float of 200100 Mama Njeri Shop. It is " in yes.stdout


def test_float_to_begin_with_is_given_after_a_yes_and_not_unasked(settings: Settings) -> None:
    command = ["agent", "add", "--phone", "0711000001", "--name", "Asha's Kiosk", "--float", "5000"]
    check_failed_in_one_line(jasho(command, settings), "--yes")
    no = jasho_at_a_terminal(command, settings, "n\n")
    assert "Asha Wanjiku 0711000001" in no.stdout
    assert "KES 5,000" in no.stdout
    assert (no.returncode, no.stderr) == (1, "jasho: nothing was done\n")
    with psycopg.connect(settings.database_url) as connection:
        assert connection.execute("SELECT count(*) FROM agent").fetchone() == (1,), "after a no she is none"
    yes = jasho_at_a_terminal(command, settings, "y\n")
    assert yes.returncode == 0, yes.stderr
    assert "Agent number: " in yes.stdout
    stranger = jasho_at_a_terminal([*command[:3], "0799999999", *command[4:]], settings, "y\n")
    check_failed_in_one_line(stranger, "0799999999 is not on Jasho yet")
