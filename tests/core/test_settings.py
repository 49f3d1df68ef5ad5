"""What an operator sets, and what he is told where it is wrong."""

import base64
from pathlib import Path

import pytest

from core import settings
from core.settings import BadSettings, Settings
from gateway import wiring
from gateway.wiring import read_settings

KEY = bytes(range(100, 132))
PRODUCTION = {
    "JASHO_ENV": "production",
    "JASHO_DATABASE_URL": "postgresql://jasho@db/jasho",
    "JASHO_REDIS_URL": "redis://redis/0",
    "JASHO_CALLBACK_SECRET": "a-secret-of-our-own",
    "JASHO_PIN_PEPPER": "a pepper of our own",
    "JASHO_DATA_KEY": KEY.hex(),
    "JASHO_AT_USERNAME": "jasho",
    "JASHO_AT_API_KEY": "a key of our own",
}
AFRICASTALKING = ("JASHO_AT_USERNAME", "JASHO_AT_API_KEY")
TWILIO = ("JASHO_TWILIO_ACCOUNT_SID", "JASHO_TWILIO_AUTH_TOKEN", "JASHO_TWILIO_FROM")
NEEDED = [name for name in PRODUCTION if name not in ("JASHO_ENV", *AFRICASTALKING)]
SECRETS = ("JASHO_CALLBACK_SECRET", "JASHO_PIN_PEPPER", "JASHO_DATA_KEY")


def complaints(environment: dict[str, str]) -> list[str]:
    with pytest.raises(BadSettings) as refused:
        read_settings(environment)
    return str(refused.value).splitlines()


def test_a_developer_needs_no_settings() -> None:
    assert read_settings({}) == Settings()
    assert read_settings({}).is_local


def test_production_starts_when_everything_is_set() -> None:
    loaded = read_settings(PRODUCTION)
    assert not loaded.is_local
    assert (loaded.data_key_bytes, loaded.callback_secret) == (KEY, "a-secret-of-our-own")


def test_production_without_anything_names_all_that_is_needed() -> None:
    assert [line.split()[0] for line in complaints({"JASHO_ENV": "production"})] == [
        "JASHO_DATABASE_URL",
        "JASHO_REDIS_URL",
        "JASHO_CALLBACK_SECRET",
        "JASHO_PIN_PEPPER",
        "JASHO_DATA_KEY",
    ]


def test_production_starts_without_a_provider_of_sms_and_has_none() -> None:
    loaded = read_settings({name: value for name, value in PRODUCTION.items() if name not in AFRICASTALKING})
    assert [vendor.read(loaded) for vendor in wiring.VENDORS] == [None, None]
    assert wiring.sms_pool(loaded) is None


@pytest.mark.parametrize("needed", [AFRICASTALKING, TWILIO])
def test_one_provider_of_sms_is_enough(needed: tuple[str, ...]) -> None:
    others = {name: value for name, value in PRODUCTION.items() if name not in AFRICASTALKING}
    loaded = read_settings({**others, **dict.fromkeys(needed, "x")})
    pool = wiring.sms_pool(loaded)
    assert pool is not None
    assert pool.names == {"africastalking" if needed == AFRICASTALKING else "twilio"}


@pytest.mark.parametrize(
    ("given", "missing"),
    [
        (["JASHO_AT_USERNAME"], ["JASHO_AT_API_KEY"]),
        (["JASHO_AT_API_KEY"], ["JASHO_AT_USERNAME"]),
        (["JASHO_AT_SENDER"], ["JASHO_AT_USERNAME", "JASHO_AT_API_KEY"]),
        (["JASHO_TWILIO_ACCOUNT_SID", "JASHO_TWILIO_FROM"], ["JASHO_TWILIO_AUTH_TOKEN"]),
        (["JASHO_TWILIO_AUTH_TOKEN"], ["JASHO_TWILIO_ACCOUNT_SID", "JASHO_TWILIO_FROM"]),
    ],
)
def test_half_of_what_a_provider_needs_is_a_mistake_on_any_machine(given: list[str], missing: list[str]) -> None:
    for environment in ({}, {name: value for name, value in PRODUCTION.items() if name not in AFRICASTALKING}):
        lines = complaints({**environment, **dict.fromkeys(given, "Xq7")})
        assert [line.split()[0] for line in lines] == missing
        assert not any("Xq7" in line for line in lines)


@pytest.mark.parametrize("name", NEEDED)
@pytest.mark.parametrize("value", [None, "", "  "], ids=["not set", "empty", "blank"])
def test_production_refuses_to_start_without(name: str, value: str | None) -> None:
    environment = {other: text for other, text in PRODUCTION.items() if other != name} | ({} if value is None else {name: value})
    assert complaints(environment) == [f"{name} is needed in production and is not set"]


@pytest.mark.parametrize("name", SECRETS)
def test_production_refuses_a_developers_secret(name: str) -> None:
    local = settings.as_environment(Settings())[name]
    [line] = complaints({**PRODUCTION, name: local})
    assert line == f"{name} is needed in production and is the local default"
    assert local not in line.removeprefix(name).replace("the local default", "")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("JASHO_ENV", "Xq7-prod"),
        ("JASHO_COUNTRY", "Xq7"),
        ("JASHO_KEEP_MESSAGES_DAYS", "Xq7"),
        ("JASHO_SERVICE_CODE", "*384*96Xq7"),
        ("JASHO_SERVICE_CODE", "*384**Xq7#"),
        ("JASHO_SERVICE_CODE", "*384*1234*567890#"),
        ("JASHO_PUBLIC_URL", "jasho.example/Xq7"),
        ("JASHO_PUBLIC_URL", "https://jasho.example/Xq7/path"),
        ("JASHO_DATABASE_URL", "mysql://jasho:Xq7@db/jasho"),
        ("JASHO_DATABASE_URL", "postgresql://jasho:p@Xq7@db/jasho"),
        ("JASHO_DATABASE_URL", "postgresql://jasho:p/Xq7@db/jasho"),
        ("JASHO_DATABASE_URL", "postgresql://jasho@db:Xq7/jasho"),
        ("JASHO_REDIS_URL", "http://:Xq7@redis"),
        ("JASHO_DATA_KEY", "Xq7"),
        ("JASHO_DATA_KEY", "Xq7é" * 11),
        ("JASHO_DATA_KEY", base64.b64encode(b"Xq7" * 5).decode()),
        ("JASHO_DATA_KEY", "0" * 62),
        ("JASHO_CALLBACK_ALLOW", "192.0.2.0/24,Xq7"),
        ("JASHO_CALLBACK_ALLOW", "192.0.2.1/24"),
        ("JASHO_CALLBACK_SECRET", "Xq7/secret"),
        ("JASHO_CALLBACK_SECRET", "Xq7 secret"),
        ("JASHO_AT_BASE_URL", "Xq7.example"),
        ("JASHO_AT_BASE_URL", "https://Xq7.example/version1"),
    ],
)
def test_a_malformed_setting_is_named_and_its_value_is_not_printed(name: str, value: str) -> None:
    lines = complaints({**PRODUCTION, name: value})
    assert [line.split()[0] for line in lines] == [name]
    assert "Xq7" not in lines[0]
    assert value not in lines[0]


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://jasho:p%40%2F:#?@db/jasho",
        "postgres://jasho@[::1]:5432/jasho?sslmode=require",
        "postgresql+psycopg://one:5432,two:5433/jasho",
        "postgresql:///jasho?host=/run/p@ths",
        "postgresql://postgres@/postgres?host=%2Frun",
    ],
)
def test_an_address_that_the_driver_takes_is_taken(url: str) -> None:
    assert read_settings({**PRODUCTION, "JASHO_DATABASE_URL": url}).database_url == url


def test_an_operator_hears_of_everything_that_is_wrong_at_once() -> None:
    wrong = {"JASHO_ENV": "production", "JASHO_COUNTRY": "XX", "JASHO_REDIS_URL": "http://redis", "JASHO_DATA_KEY": "short"}
    assert {line.split()[0] for line in complaints(wrong)} == {
        "JASHO_COUNTRY",
        "JASHO_REDIS_URL",
        "JASHO_DATA_KEY",
        "JASHO_DATABASE_URL",
        "JASHO_CALLBACK_SECRET",
        "JASHO_PIN_PEPPER",
    }


@pytest.mark.parametrize("spelt", [KEY.hex(), KEY.hex().upper(), base64.b64encode(KEY).decode()], ids=["hex", "HEX", "base64"])
def test_the_data_key_is_the_same_in_hex_and_in_base64(spelt: str) -> None:
    assert read_settings({"JASHO_DATA_KEY": spelt}).data_key_bytes == KEY


def test_networks_that_may_call_back_are_read_with_or_without_spaces() -> None:
    networks = read_settings({"JASHO_CALLBACK_ALLOW": " 192.0.2.0/24, 198.51.100.7 ,2001:db8::/32,"}).callback_networks
    assert [str(network) for network in networks] == ["192.0.2.0/24", "198.51.100.7/32", "2001:db8::/32"]
    assert read_settings({}).callback_networks == ()


@pytest.mark.parametrize(("country", "currency"), [("KE", "KES"), ("UG", "UGX"), ("TZ", "TZS"), ("RW", "RWF")])
def test_the_country_decides_the_currency(country: str, currency: str) -> None:
    assert read_settings({"JASHO_COUNTRY": country}).currency == currency


def test_worker_processes_are_told_the_same_settings() -> None:
    loaded = read_settings(PRODUCTION)
    assert read_settings(settings.as_environment(loaded)) == loaded


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to be in, and an environment without settings."""
    for name in [*settings.as_environment(Settings()), *(name for vendor in wiring.VENDORS for name in vendor.variables)]:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_dotenv_file_in_the_folder_is_read(folder: Path) -> None:
    (folder / ".env").write_text("# ours\nJASHO_COUNTRY=UG\nJASHO_SERVICE_CODE='*100#'\nJASHO_REDIS_URL=\nPOSTGRES_PASSWORD=x\n")
    loaded = read_settings()
    assert (loaded.country, loaded.service_code, loaded.redis_url) == ("UG", "*100#", "")


def test_the_environment_outranks_the_dotenv_file(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / ".env").write_text("JASHO_COUNTRY=UG\nJASHO_SERVICE_CODE=*100#\n")
    monkeypatch.setenv("JASHO_COUNTRY", "TZ")
    assert (read_settings().country, read_settings().service_code) == ("TZ", "*100#")


@pytest.mark.usefixtures("folder")
def test_a_folder_without_a_dotenv_file_is_no_mistake() -> None:
    assert read_settings() == Settings()


def test_the_example_file_names_only_settings_that_exist() -> None:
    known = {
        *settings.as_environment(Settings()),
        *(name for vendor in wiring.VENDORS for name in vendor.variables),
        "POSTGRES_PASSWORD",
        "POSTGRES_SERVICE_PASSWORD",
        "TLS_FOLDER",
        "PROXY_CONNECTIONS",
        "PROXY_REQUESTS",
        "FORWARDED_ALLOW_IPS",
    }
    example = (Path(settings.__file__).parent.parent / ".env.example").read_text()
    named = {line.partition("=")[0] for line in example.splitlines() if line and not line.startswith("#")}
    assert named <= known
    assert set(SECRETS) <= named
