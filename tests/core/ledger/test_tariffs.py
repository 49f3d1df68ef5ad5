"""What moving money costs: the published bands to the cent, the state's part in them, and what a broken file says."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core import clock
from core.ledger import tariffs
from core.ledger.refusals import AmountTooSmall, OverLimit
from core.ledger.tariffs import BadTariffs, Band, Tariff
from core.money import Money

# Amounts up to and with the first cost the second, in shillings.
BANDS = {
    "send": (
        (100, 0),
        (500, 7),
        (1_000, 13),
        (1_500, 23),
        (2_500, 33),
        (3_500, 53),
        (5_000, 57),
        (7_500, 78),
        (10_000, 90),
        (15_000, 100),
        (20_000, 105),
        (250_000, 108),
    ),
    "withdraw": (
        (100, 11),
        (2_500, 29),
        (3_500, 52),
        (5_000, 69),
        (7_500, 87),
        (10_000, 115),
        (15_000, 167),
        (20_000, 185),
        (35_000, 197),
        (50_000, 278),
        (250_000, 309),
    ),
}
EVERY_BAND = [(kind, *band) for kind, bands in BANDS.items() for band in bands]
LEAST = {"send": 100, "withdraw": 5_000}
MOST = 25_000_000

GOOD = """
[[tariff]]
kind = "send"
currency = "KES"
from = 2026-01-01
excise_percent = 15
least = 1
bands = [{ to = 100, fee = 0 }, { to = 500, fee = 7 }]
"""


@pytest.fixture(autouse=True, scope="module")
def _in_2026() -> Iterator[None]:
    with clock.at(datetime(2026, 6, 1, tzinfo=UTC)):
        yield


def fee(minor: int, kind: str = "send") -> Money:
    return tariffs.fee(kind, Money(minor, "KES")).total


@pytest.mark.parametrize(("kind", "up_to", "shillings"), EVERY_BAND)
def test_the_last_shilling_of_a_band_costs_what_is_published(kind: str, up_to: int, shillings: int) -> None:
    assert fee(up_to * 100, kind) == Money(shillings * 100, "KES")


@pytest.mark.parametrize(("kind", "below", "above"), [(kind, *pair) for kind, bands in BANDS.items() for pair in pairwise(bands)])
def test_the_first_cent_above_a_band_costs_what_the_next_one_does(
    kind: str, below: tuple[int, int], above: tuple[int, int]
) -> None:
    assert fee(below[0] * 100 + 1, kind) == Money(above[1] * 100, "KES")


@pytest.mark.parametrize("minor", [100, 101, 5_000, 10_000])
def test_small_amounts_are_sent_for_nothing(minor: int) -> None:
    charged = tariffs.fee("send", Money(minor, "KES"))
    assert (charged.net.minor, charged.excise.minor, charged.total.minor) == (0, 0, 0)


@pytest.mark.parametrize(("kind", "least"), LEAST.items())
def test_less_than_the_least_is_refused_and_the_least_is_named(kind: str, least: int) -> None:
    for minor in (1, least - 1):
        with pytest.raises(AmountTooSmall) as refused:
            fee(minor, kind)
        assert refused.value.params == {"least": f"KES {least // 100}"}
    assert fee(least, kind) == Money(BANDS[kind][0][1] * 100, "KES")


@pytest.mark.parametrize("kind", BANDS)
@pytest.mark.parametrize("minor", [MOST + 1, MOST + 100, 10**15])
def test_more_than_may_be_moved_at_once_is_refused_and_the_most_is_named(kind: str, minor: int) -> None:
    with pytest.raises(OverLimit) as refused:
        fee(minor, kind)
    assert refused.value.params == {"most": "KES 250,000"}


@given(st.sampled_from(sorted(BANDS)), st.integers(5_000, MOST), st.integers(5_000, MOST))
def test_more_money_never_costs_less_to_move(kind: str, one: int, other: int) -> None:
    less, more = sorted((one, other))
    assert fee(less, kind) <= fee(more, kind)


@given(st.integers(100, MOST))
def test_a_fee_is_never_above_what_is_sent(minor: int) -> None:
    assert fee(minor) <= Money(minor, "KES")


@pytest.mark.parametrize(("kind", "up_to", "shillings"), EVERY_BAND)
def test_the_state_gets_15_parts_in_115_to_the_nearest_cent_and_no_cent_is_lost(kind: str, up_to: int, shillings: int) -> None:
    charged = tariffs.fee(kind, Money(up_to * 100, "KES"))
    assert charged.net + charged.excise == charged.total == Money(shillings * 100, "KES")
    # Nearest: never further away than half a cent.
    assert abs(charged.excise.minor * 115 - charged.total.minor * 15) * 2 <= 115


@pytest.mark.parametrize(
    ("shillings", "excise", "net"), [(7, 91, 609), (13, 170, 1_130), (23, 300, 2_000), (115, 1_500, 10_000), (309, 4_030, 26_870)]
)
def test_the_parts_of_a_fee_as_an_accountant_writes_them(shillings: int, excise: int, net: int) -> None:
    up_to, kind = next((up_to, kind) for kind, up_to, price in EVERY_BAND if price == shillings)
    charged = tariffs.fee(kind, Money(up_to * 100, "KES"))
    assert (charged.excise.minor, charged.net.minor) == (excise, net)


@pytest.mark.parametrize(("kind", "currency"), [("send", "USD"), ("withdraw", "UGX"), ("gamble", "KES")])
def test_there_is_no_price_where_nobody_has_set_one(kind: str, currency: str) -> None:
    with pytest.raises(LookupError, match=f"no tariff for {kind} in {currency}"):
        tariffs.fee(kind, Money(10_000, currency))


def test_a_tariff_says_nothing_about_the_days_before_it_begins() -> None:
    with clock.at(datetime(2025, 12, 30, tzinfo=UTC)), pytest.raises(LookupError, match="2025-12-30"):
        fee(100)


@pytest.mark.parametrize(
    ("moment", "price"),
    [
        (datetime(2026, 12, 31, 20, 59, 59, tzinfo=UTC), 700),
        # Midnight in Nairobi, three hours before London's.
        (datetime(2026, 12, 31, 21, tzinfo=UTC), 900),
        (datetime(2027, 1, 1, 12, tzinfo=UTC), 900),
    ],
)
def test_a_new_tariff_holds_from_its_day_in_the_country_and_the_old_one_until_then(
    monkeypatch: pytest.MonkeyPatch, moment: datetime, price: int
) -> None:
    def flat(starts: date, minor: int) -> Tariff:
        bands = (Band(Money(MOST, "KES"), Money(minor, "KES")),)
        return Tariff("send", "KES", starts, 15, Money(100, "KES"), bands)

    monkeypatch.setattr(tariffs, "_tariffs", lambda: (flat(date(2027, 1, 1), 900), flat(date(2026, 1, 1), 700)))
    with clock.at(moment):
        assert fee(50_000) == Money(price, "KES")


def test_the_files_own_tariffs_are_sound() -> None:
    found = {(tariff.kind, tariff.currency) for tariff in tariffs.read(tariffs.FILE.read_text())}
    assert found == {(kind, "KES") for kind in tariffs.KINDS}
    [only] = tariffs.read(GOOD)
    assert (only.least, only.most) == (Money(100, "KES"), Money(50_000, "KES"))


@pytest.mark.parametrize(
    ("good", "bad", "said"),
    [
        ("[[tariff]]", "[[tariff", "not TOML"),
        (GOOD, "", "there is no [[tariff]] in it"),
        (GOOD, "[[tarif]]", "there is no [[tariff]] in it"),
        ('kind = "send"', "", "tariff 1: `kind` is missing or not a str"),
        ('"send"', '"gamble"', "tariff 1: kind is one of send, withdraw, cash_in_commission, cash_out_commission"),
        ('"KES"', '"EUR"', "tariff 1: currency is one of KES, UGX, TZS, RWF, USD"),
        ("2026-01-01", '"2026-01-01"', "tariff 1: `from` is missing or not a date"),
        ("2026-01-01", "2026-01-01T00:00:00", "tariff 1: `from` is missing or not a date"),
        ("excise_percent = 15", "", "tariff 1: `excise_percent` is missing or not a int"),
        ("excise_percent = 15", "excise_percent = 101", "tariff 1: excise_percent is between 0 and 100"),
        ("excise_percent = 15", "excise_percent = -1", "tariff 1: excise_percent is between 0 and 100"),
        ("least = 1", "least = true", "tariff 1: `least` is missing or not a int"),
        ("least = 1", "least = 0", "tariff 1: `least` is above 0 and within the first band"),
        ("least = 1", "least = 101", "tariff 1: `least` is above 0 and within the first band"),
        ("[{ to = 100, fee = 0 }, { to = 500, fee = 7 }]", "[]", "tariff 1: it has no bands"),
        ("fee = 7", "fee = 7.5", "tariff 1: a band has a whole `to` and a whole `fee`"),
        ("to = 500, ", "", "tariff 1: a band has a whole `to` and a whole `fee`"),
        ("to = 500", "to = 100", "tariff 1: the band to 100 comes after the one to 100"),
        ("fee = 0", "fee = 8", "tariff 1: the band to 500 costs less than the one to 100"),
        ("fee = 0", "fee = -1", "tariff 1: a fee is never negative"),
        (GOOD, GOOD * 2, "two tariffs for send in KES from 2026-01-01"),
    ],
)
def test_whoever_breaks_the_file_is_told_in_words_what_is_wrong(good: str, bad: str, said: str) -> None:
    assert good in GOOD
    with pytest.raises(BadTariffs) as refused:
        tariffs.read(GOOD.replace(good, bad))
    assert said in str(refused.value)


def test_all_that_is_wrong_is_said_at_once() -> None:
    broken = GOOD.replace("excise_percent = 15", "excise_percent = 200").replace("fee = 0", "fee = 9")
    with pytest.raises(BadTariffs) as refused:
        tariffs.read(broken + GOOD.replace('"send"', '"gift"'))
    assert str(refused.value).splitlines() == [
        "tariff 1: excise_percent is between 0 and 100",
        "tariff 1: the band to 500 costs less than the one to 100",
        "tariff 2: kind is one of send, withdraw, cash_in_commission, cash_out_commission",
    ]


@pytest.mark.parametrize("bands", ["[1, 2]", '["cheap"]', "[[100, 0]]"])
def test_a_band_that_is_no_table_is_said_too(bands: str) -> None:
    with pytest.raises(BadTariffs, match="tariff 1: a band has a whole `to` and a whole `fee`"):
        tariffs.read(GOOD.replace("[{ to = 100, fee = 0 }, { to = 500, fee = 7 }]", bands))


@pytest.mark.parametrize("text", ["tariff = 5", "tariff = [5]", 'tariff = "send"', "[tariff]\nkind = 'send'"])
def test_a_file_in_another_shape_is_said_to_be_wrong(text: str) -> None:
    with pytest.raises(BadTariffs, match=r"each tariff begins with \[\[tariff\]\]"):
        tariffs.read(text)
