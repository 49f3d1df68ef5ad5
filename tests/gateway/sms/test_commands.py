"""SMS commands: what people write is understood as they meant it, and what could mean two things moves nothing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.money import Money
from gateway.sms.commands import _VERB_OF_WORD, Command, LooksLikeAPin, NotUnderstood, parse
from tests import pins

PHONE = "+254722000111"
SPACED, DASHED, PAIRS = " ".join(pins.RIGHT), "-".join(pins.RIGHT), f"{pins.RIGHT[:2]} {pins.RIGHT[2:]}"


def kes(units: int) -> Money:
    return Money.of_units(units, "KES")


@pytest.mark.parametrize(
    "text",
    [
        "SEND 500 0722000111",
        "send 0722000111 500",
        "Tuma 500 kwa 0722 000 111",
        "tuma  sh 500 , 722000111",
        "SEND Ksh.500 to +254 722 000 111.",
        "send KES 500/= to 254722000111",
        "Send500 0722000111",
        "TUMA 0722-000-111 500 bob",
        "send 500shs to number 0722000111 please",
        "\uff33\uff25\uff2e\uff24 500 0722000111",
        "SEND Ksh. 500 0722000111",
        "SEND 500 bob to 0722000111#",
        "SEND 500/- 0722000111",
        "send Kshs. 500/= (0722) 000 111",
        "“SEND 500 0722000111”",
        "(send 500 0722000111)",
        "SEND: 500, 0722000111!",
        "SEND - 500 - 0722000111",
        "SEND 500 to 0722 - 000 - 111",
        "SEND500 0722000111🙏",
        "SEND 500🙏 0722000111",
        "\u200bSEND\u00a0500\u00a00722000111\u200e",
        "\u2066SEND 500\u2069 \u202a+254\u00a0722\u2011000\u2011111\u202c",
        "SEND 500 07\u200b22000111\x00",
        "JASHO SEND 500 0722000111",
        "Jasho: tuma 500 0722000111",
        "SEND 500 0722000111 KES",
        "SEND KES 0722000111 500",
        "SEND 500 0722000111 KSH",
        "SEND 0722000111 shillings 500",
        "send 500 0722 000 111 shillings please",
        "SEND 500 to 0722000111 /=",
        "SEND /= 0722000111 500",
        "TUMA 500 kwa 0722000111 sh.",
        "TUMA 500 kwa 0722000111, bob",
        "SEND 500, KES, 0722000111",
        "SEND 500 KES to 0722000111 KES",
        "SEND\n500\n0722000111",
        "SEND 500\r\n0722000111\r\n",
        "SEND /=500 0722000111",
        "SEND 0722000111 =500/=",
        "SEND 500/- +254 (722) 000 111",
        "SEND 500/- 0 722 000 111",
        "SEND 500 to 0 722 000 111",
        "SEND 0 722 000 111, 500",
    ],
)
def test_a_transfer_is_understood_however_it_is_written(text: str) -> None:
    assert parse(text, "KE") == Command("send", amount=kes(500), phone=PHONE)


@pytest.mark.parametrize("text", ["send Ksh 1,500 to 0722 000 111", "send 1 500 0722000111", "tuma 0722 000 111 1500"])
def test_thousands_are_understood(text: str) -> None:
    assert parse(text, "KE") == Command("send", amount=kes(1_500), phone=PHONE)


@pytest.mark.parametrize(
    "text",
    [
        "send",
        "send 500",
        "send 0722000111",
        "send 0722000111 0733000003",
        "send 500 0722000111 0733000003",
        "send 500 600 0722000111",
        "send 0 0722000111",
        "send -5 0722000111",
        "send 1.50 0722000111",
        "send 1,50 0722000111",
        "send five hundred 0722000111",
        "send 500 0202222222",
        "send 500 072200011",
        "save",
        "save 200 300",
        "weka akiba",
        "ok",
        "sawa kabisa",
        "OK 48312345",
        "apply",
        "omba kazi",
        "lang",
        "lugha fr",
        "send ush 500 0722000111",
        "send 5\u00b2 0722000111",
        "send 500\ufffd 0722000111",
        "send 500 0722000111 " + "please " * 15 + "500",
        "send" + " x" * 200 + " 500 0722000111",
        "send 1 to 500 0722000111",
        "send 1🙂500 0722000111",
        "send 500 0722000111" + "\u200b" * 2_000 + "0",
        "send 1 of 500 to 0722000111",
        "send 500 0722000111 USD",
        "send 1 KES 500 0722000111",
        "send 1 KES 0722000111 500",
        "send 5 to KES to 00 0722000111",
        "send KES 0722000111",
        "send 0722000111 shillings",
        "send 500 +256772123456",
        "send 500 +447911123456",
        "save 200 2027",
        "save 2027 Car 200",
        "send 1 - 500 0722000111",
        "send 5 * 100 0722000111",
        "send 500 to 072200 to 0111",
        "save 1 to 500",
        "save 1 - 500",
        "ok no 4831",
        "ok do not 4831",
        # A sign beside a number ends it, whether blanks are around the sign or not.
        "send 1, 500 0722000111",
        "send 12, 500 0722000111",
        "send 0722000111 1, 500",
        "send 1. 500 0722000111",
        "send 2) 500 0722000111",
        "send 2 (500) 0722000111",
        "send 1: 500 0722000111",
        "send 1 #500 0722000111",
        "send 1 /500 0722000111",
        "send Ksh 1, 500 0722000111",
        "send 072200011, 1 500",
        "save 1, 500",
        "save 12, 500 car",
        "save 1, 000",
        "save 1, 000/=",
        "save 10. 000 Car",
        "weka 2) 500",
        # Noughts and lone digits between two numbers may belong to either.
        "send 5 00 254722000111",
        "send 100 00 254 722 000 111",
        "send 50 0 722000111",
        "send 5 0 722 000 111",
        "send 0722 000 11 1 500",
        "send 0 500 0722000111",
        "send 0130087, -> 072 500",
        # So does the end of a line.
        "send 0722000111 42\n500",
        "send 0722000111\r\n1\r\n500",
        "send 0722000111 1\u2028500",
        "send 5\x8500 0722000111",
        "save 1\n500",
        # What may be a phone is no amount.
        "send 0722000111 733000003",
        "send 746389176 10000- 1110",
        "send 10; 000 00254722000111",
        # A name may end in a number.
        "save Form 4 500",
        "weka Karo 2 500",
        "save Goal 1, 500",
        "send 500 from 0722000111",
    ],
)
def test_what_is_unclear_moves_nothing_and_the_answer_can_name_the_command(text: str) -> None:
    with pytest.raises(NotUnderstood) as told:
        parse(text, "KE")
    assert told.value.verb == parse_verb(text)


def parse_verb(text: str) -> str:
    return _VERB_OF_WORD[text.split(maxsplit=1)[0].upper()]


@pytest.mark.parametrize("text", ["apply 1042 10", "apply 1042, 10", "omba 1042 (7)", "ok 4831 5", "ok 4831. 5", "4831 ok 12"])
def test_two_numbers_are_never_joined_to_a_third(text: str) -> None:
    with pytest.raises((NotUnderstood, LooksLikeAPin)):
        parse(text, "KE")


@pytest.mark.parametrize(
    "text",
    [
        f"SEND 500 0722000111 {pins.RIGHT}",
        f"send {pins.RIGHT} 500 0722000111",
        f"tuma 0722000111 500 {pins.RIGHT}",
        f"BAL {pins.RIGHT}",
        f"my PIN is {pins.RIGHT}",
        f"pin: {pins.RIGHT}",
        f"SEND 500 0722000111 PIN {pins.RIGHT}",
        f"SEND 500 0722 000 111 pin:{pins.RIGHT}",
        f"TUMA 500 0722000111 namba ya siri {pins.RIGHT}",
        f"PIN{pins.RIGHT} SEND 500 0722000111",
        f"SEND 500 0722000111 P.I.N. {pins.RIGHT}",
        f"SEND 500 0722000111 {pins.RIGHT[:2]} {pins.RIGHT[2:]}",
        f"SEND 500 0722000111 {' '.join(pins.RIGHT)}",
        f"SEND 500 0722000111 ({pins.RIGHT})",
        f"SAVE 200 {pins.RIGHT}",
        f"SAVE 200 School {pins.RIGHT}",
        f"OK 4831 {pins.RIGHT}",
        f"APPLY 10420 {pins.RIGHT}",
        f"JOIN Asha {pins.RIGHT}",
        f"LANG SW {pins.RIGHT}",
        f"{pins.RIGHT} BAL",
        f"{pins.RIGHT} SEND 500 0722000111",
        f"{PAIRS}, tuma 500 0722000111",
        f"({pins.RIGHT}) SAVE 200",
        f"{pins.RIGHT} APPLY 10420",
        f"PIN {','.join(pins.RIGHT)}",
        f"SEND 500 0722000111 pin {'/'.join(pins.RIGHT)}",
        f"BAL PIN {PAIRS.replace(' ', '/')}",
        f"my pin: {'_'.join(pins.RIGHT)}",
        f"P1N {pins.RIGHT}",
        f"pinn {pins.RIGHT}",
        f"my secret is {pins.RIGHT}",
        f"BAL\u200b{pins.RIGHT}",
        f"JASHO BAL {pins.RIGHT}",
        f"JOBS {pins.RIGHT}",
        f"JOBS driver {pins.RIGHT}",
        f"KAZI dereva {SPACED}",
        f"JOBS {DASHED}",
        f"JOIN Asha {SPACED}",
        f"BAL {PAIRS}",
        f"BAL {DASHED}",
        f"MINI pin {DASHED}",
        f"LANG SW {PAIRS}",
        f"APPLY 10420 {PAIRS}",
        f"APPLY 10420 {SPACED}",
        f"OK 4831 {DASHED}",
        f"SEND 500 0722000111 {DASHED}",
        f"SEND 500 0722000111 {PAIRS.replace(' ', '-')}",
        f"SAVE 200 School {DASHED}",
        f"SEND 500 0722000111 PIN {SPACED}",
        f"SEND 500 PIN {SPACED} 0722000111",
        f"SEND 500 0722000111 PIN:{PAIRS.replace(' ', '-')}",
        f"SEND 500 0722000111 p i n {pins.RIGHT}",
        f"SEND 500 0722000111 pini {pins.RIGHT}",
        f"SEND 500 0722000111 pincode {pins.RIGHT}",
        f"SEND 500 0722000111 pin-code {pins.RIGHT}",
        f"SEND 500 0722000111 PIN no. {pins.RIGHT}",
        f"SEND 500 0722000111 mypin {pins.RIGHT}",
        f"SEND 500 0722000111 siri {pins.RIGHT}",
        f"SEND 500 0722000111 nenosiri {pins.RIGHT}",
        f"SEND 500 0722000111 namba yangu ya siri ni {pins.RIGHT}",
        f"TUMA 500 0722000111 siri {PAIRS}",
    ],
)
def test_a_pin_that_arrives_is_seen_and_never_taken_for_an_amount(text: str) -> None:
    with pytest.raises(LooksLikeAPin) as told:
        parse(text, "KE")
    assert pins.RIGHT not in str(told.value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("bal", Command("balance")),
        ("  SALIO!  ", Command("balance")),
        ("Taarifa", Command("statement")),
        ("OK 4831", Command("confirm", number="4831")),
        ("sawa4831", Command("confirm", number="4831")),
        ("4831", Command("confirm", number="4831")),
        ("48 31", Command("confirm", number="4831")),
        ("4831 please", Command("confirm", number="4831")),
        ("4831, asante!", Command("confirm", number="4831")),
        ("my code is 4831", Command("confirm", number="4831")),
        ("kodi ni 48 31", Command("confirm", number="4831")),
        ("save 200", Command("save", amount=kes(200))),
        ("WEKA 1,000 Karo ya shule", Command("save", amount=kes(1_000), words="Karo ya shule")),
        ("SAVE 200 for Fees for John please", Command("save", amount=kes(200), words="Fees for John")),
        ("Weka kwa Karo ya shule Ksh 1 500", Command("save", amount=kes(1_500), words="Karo ya shule")),
        ("SAVE to School fees 200", Command("save", amount=kes(200), words="School fees")),
        ("WEKA kiasi 1 500", Command("save", amount=kes(1_500))),
        ("save school fees 200", Command("save", amount=kes(200), words="school fees")),
        ("JOBS", Command("jobs")),
        ("kazi mama fua", Command("jobs", words="mama fua")),
        ("APPLY 10420", Command("apply", number="10420")),
        ("omba #1042", Command("apply", number="1042")),
        ("cover", Command("cover")),
        ("BIMA", Command("cover")),
        ("LANG SW", Command("language", language="sw")),
        ("“BAL”", Command("balance")),
        ("(bal)", Command("balance")),
        ("BAL; please", Command("balance", words="please")),
        ("JASHO BAL", Command("balance")),
        ("jasho: salio", Command("balance")),
        ("*JASHO* JOBS mama fua", Command("jobs", words="mama fua")),
        ("JASHO OK 4831", Command("confirm", number="4831")),
        ("JASHO 4831", Command("confirm", number="4831")),
        ("OK code 4831", Command("confirm", number="4831")),
        ("4831 ok", Command("confirm", number="4831")),
        ("OK\u200e4831", Command("confirm", number="4831")),
        ("OK “4831”", Command("confirm", number="4831")),
        ("SAVE 1 000 School fees", Command("save", amount=kes(1_000), words="School fees")),
        ("SAVE Karo 1 000", Command("save", amount=kes(1_000), words="Karo")),
        ("APPLY 104 20", Command("apply", number="10420")),
        ("SAVE 500 bob School fees", Command("save", amount=kes(500), words="School fees")),
        ("WEKA Karo Ksh. 500/-", Command("save", amount=kes(500), words="Karo")),
        ("SAVE 200 Car 2027", Command("save", amount=kes(200), words="Car 2027")),
        ("SAVE Ksh 1,000 School fees 2026", Command("save", amount=kes(1_000), words="School fees 2026")),
        ("WEKA Harusi 2027 500 bob", Command("save", amount=kes(500), words="Harusi 2027")),
        ("JOBS 10420", Command("jobs", words="10420")),
        ("HELP 10420", Command("help", words="10420")),
        ("BAL 0722000111", Command("balance", words="0722000111")),
        ("JOIN please", Command("join")),
        ("JOIN us", Command("join")),
        ("JOIN Jasho", Command("join")),
        ("join us now, please!", Command("join")),
        ("JIUNGE tafadhali", Command("join")),
        ("JIUNGE na Jasho sasa", Command("join")),
        ("JOIN my name is Asha Wanjiku", Command("join", words="Asha Wanjiku")),
        ("JOIN: Asha Wanjiku please", Command("join", words="Asha Wanjiku")),
        ("jiunge jina langu ni Asha", Command("join", words="Asha")),
        ("JOIN Leo Asante", Command("join", words="Leo Asante")),
        ("APPLY job #10420!", Command("apply", number="10420")),
        ("LANG: SW.", Command("language", language="sw")),
        ("JOIN Asha Wanjiku", Command("join", words="Asha Wanjiku")),
        ("lugha english", Command("language", language="en")),
        ("Jiunge Asha Wanjiku", Command("join", words="Asha Wanjiku")),
        ("msaada", Command("help")),
        ("Stop", Command("stop")),
        ("ACHA", Command("stop")),
        ("anza", Command("start")),
    ],
)
def test_every_command_is_understood_in_both_languages(text: str, expected: Command) -> None:
    assert parse(text, "KE") == expected


@pytest.mark.parametrize(
    ("text", "nearest"),
    [
        ("sned 500 0722000111", "send"),
        ("balanc", "balance"),
        ("Saliyo", "balance"),
        ("tumaa 500", "send"),
        ("zzz", ""),
        ("please", ""),
        ("stpo", "stop"),
        ("", ""),
        ("JASHO", ""),
        ("cancel my order", ""),
    ],
)
def test_a_typo_is_answered_with_the_nearest_command(text: str, nearest: str) -> None:
    with pytest.raises(NotUnderstood) as told:
        parse(text, "KE")
    assert told.value.verb == nearest


@given(st.text(max_size=400))
def test_whatever_arrives_is_a_command_or_refused_in_words(text: str) -> None:
    try:
        command = parse(text, "KE")
    except (NotUnderstood, LooksLikeAPin):
        return
    assert command.verb in _VERB_OF_WORD.values()


@given(
    word=st.sampled_from(["send", "TUMA", "Send"]),
    units=st.integers(1, 250_000),
    thousands=st.booleans(),
    phone=st.sampled_from(["0722000111", "0722 000 111", "722000111", "+254722000111", "254 722 000 111", "0722-000-111"]),
    is_phone_first=st.booleans(),
    between=st.sampled_from([" ", "  ", " to ", " kwa ", ", "]),
)
def test_every_amount_survives_every_spelling(
    word: str, units: int, thousands: bool, phone: str, is_phone_first: bool, between: str
) -> None:
    amount = f"{units:,}" if thousands else str(units)
    parts = (phone, amount) if is_phone_first else (amount, phone)
    try:
        command = parse(f"{word} {between.join(parts)}", "KE")
    except (NotUnderstood, LooksLikeAPin):
        # `500 722 000 111`: refused where the pieces could be put together otherwise, never read as another amount.
        return
    assert command == Command("send", amount=kes(units), phone=PHONE)
