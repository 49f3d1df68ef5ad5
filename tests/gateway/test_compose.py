"""What an operator gets from `docker compose up`, and a contributor from CI, read from the files: there is no engine here."""

import os
import re
import shlex
import subprocess
import tomllib
from fnmatch import fnmatch
from functools import cache
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

import core
from core.settings import BadSettings, Settings, as_environment
from gateway import connection, wiring
from gateway.cli import env_file

ROOT = Path(__file__).parent.parent.parent
SERVICES = ("postgres", "redis", "migrate", "gateway", "worker", "archive", "proxy")
OURS = ("migrate", "gateway", "worker", "archive")
PACKAGES = ("api", "core", "gateway", "locales", "menus")
# `jasho migrate` and `jasho archive` alone are told of the tables' owner.
OWNERS = {"JASHO_MIGRATE_DATABASE_URL"}
OUTSIDE_THE_WHEEL = {"gateway/simulator/picture.png", "gateway/proxy/haproxy.cfg", "gateway/cli/recovery/pg_hba.conf"}
LOCKS = ("requirements.lock", "requirements-dev.lock")

# `${NAME:?what to do}` must be given, `${NAME:-value}` may be.
REFERENCE = re.compile(r"\$\{(?P<name>\w+):(?P<kind>[?-])(?P<text>[^}]*)\}")
SETTING = re.compile(r"\bJASHO_[A-Z0-9_]+")
PINNED = re.compile(r"[a-z]+:\d+\.\d+(\.\d+)?(-[a-z0-9.-]+)?")
SECRET = re.compile(r"PASSWORD|SECRET|PEPPER|TOKEN|_KEY$")


@cache
def text(name: str) -> str:
    return (ROOT / name).read_text()


@cache
def services() -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = yaml.safe_load(text("docker-compose.yml"))["services"]
    return found


@cache
def stages() -> tuple[tuple[tuple[str, str], ...], ...]:
    """The Dockerfile's stages: instructions, each with the rest of its line."""
    whole_lines = re.sub(r"^\s*#.*\n", "", text("Dockerfile"), flags=re.MULTILINE).replace("\\\n", " ")
    instructions = [line.partition(" ") for line in whole_lines.splitlines() if line.strip()]
    starts = [number for number, (word, _, _) in enumerate(instructions) if word == "FROM"]
    ends = [*starts[1:], len(instructions)]
    return tuple(
        tuple((word, rest.strip()) for word, _, rest in instructions[start:end]) for start, end in zip(starts, ends, strict=True)
    )


def given_to(stage: tuple[tuple[str, str], ...], wanted: str) -> list[str]:
    return [rest for word, rest in stage if word == wanted]


def known_settings() -> set[str]:
    """The variables that the service and its providers read."""
    return {*as_environment(Settings()), *(name for vendor in wiring.VENDORS for name in vendor.variables)}


def asked_for() -> set[str]:
    """The variables without which `docker compose up` stops."""
    return {found["name"] for found in REFERENCE.finditer(text("docker-compose.yml")) if found["kind"] == "?"}


def example() -> dict[str, str]:
    lines = [line for line in text(".env.example").splitlines() if line and not line.startswith("#")]
    return dict(line.split("=", 1) for line in lines)


def filled(value: str, given: dict[str, str]) -> str:
    """A value as compose hands it to the container."""
    return REFERENCE.sub(lambda found: given.get(found["name"]) or ("" if found["kind"] == "?" else found["text"]), value)


def commands() -> list[tuple[str, list[str]]]:
    of_image: list[str] = yaml.safe_load(given_to(stages()[-1], "CMD")[-1])
    return [("Dockerfile", of_image), *((name, services()[name]["command"]) for name in OURS)]


def test_every_service_is_there() -> None:
    """Without one of them the operator gets a service that stores nothing, answers nobody or sends nothing."""
    assert set(services()) == set(SERVICES)


@pytest.mark.parametrize("name", SERVICES)
def test_an_image_is_of_one_version(name: str) -> None:
    """An unpinned image becomes another database one morning, on whichever machine pulls it first."""
    assert PINNED.fullmatch(services()[name]["image"])


def test_the_base_image_is_of_one_version() -> None:
    """Otherwise two builds of one commit run on two Pythons."""
    bases = [base.split()[0] for stage in stages() for base in given_to(stage, "FROM")]
    assert all(PINNED.fullmatch(base) for base in bases)
    assert len(set(bases)) == 1, "what is built on one system runs on another"


def test_our_image_is_of_the_version_that_it_holds() -> None:
    """An operator who reads `docker ps` during an incident would be told the wrong version."""
    assert {services()[name]["image"] for name in OURS} == {f"jasho:{core.__version__}"}


def test_every_variable_is_a_setting() -> None:
    """A misspelt one is read by nobody, and the operator believes that it holds."""
    used = set(SETTING.findall(text("docker-compose.yml"))) | set(SETTING.findall(text(".env.example")))
    assert used <= known_settings()


@pytest.mark.parametrize("name", OURS)
def test_every_setting_can_be_given(name: str) -> None:
    """One that compose does not hand on has no effect, however often the operator writes it into .env."""
    wanted = known_settings() if name == "migrate" else known_settings() - OWNERS
    assert wanted <= set(services()[name]["environment"])


@pytest.mark.parametrize("name", OURS)
def test_the_settings_load_in_production(name: str) -> None:
    """Otherwise every container ends at once, and a restart policy starts it for ever."""
    given = {**dict.fromkeys(asked_for(), "0123456789abcdef" * 4), "JASHO_AT_USERNAME": "jasho", "JASHO_AT_API_KEY": "ours"}
    loaded = wiring.read_settings({key: filled(value, given) for key, value in services()[name]["environment"].items()})
    assert not loaded.is_local
    assert loaded.database_url.endswith("@postgres:5432/jasho")
    assert loaded.redis_url.startswith("redis://redis:")


def test_without_secrets_nothing_loads() -> None:
    """A service that starts with the developers' secrets has none: they are public."""
    environment = {key: filled(value, {}) for key, value in services()["gateway"]["environment"].items()}
    with pytest.raises(BadSettings):
        wiring.read_settings(environment)


@pytest.mark.parametrize("name", SERVICES)
def test_no_secret_is_in_the_file(name: str) -> None:
    """What is in the file is in git, and on every machine that ever cloned it."""
    given: dict[str, str] = services()[name].get("environment", {})
    for key, value in given.items():
        if SECRET.search(key):
            assert filled(value, {}) == "", f"{key} has a value"
            assert REFERENCE.fullmatch(value), f"{key} is not asked for"
    for address in re.findall(r"://[^/@]+@", " ".join(given.values())):
        assert filled(address, {}).endswith(":@"), "an address holds a password"


def test_the_example_asks_for_every_secret_and_gives_none() -> None:
    """Missing there, it is found out one `docker compose up` at a time; with a value there, somebody runs with it."""
    assert asked_for() <= set(example())
    assert not any(example().values())
    assert set(example()) <= {found["name"] for found in REFERENCE.finditer(text("docker-compose.yml"))}


def test_make_env_fills_in_all_without_which_nothing_starts() -> None:
    assert set(env_file.fill(text(".env.example"))[1]) == asked_for()


@pytest.mark.parametrize("name", SERVICES)
def test_who_waits_for_health_waits_for_a_check(name: str) -> None:
    """Without the check, compose refuses to start anything at all."""
    for other, wait in services()[name].get("depends_on", {}).items():
        if wait["condition"] == "service_healthy":
            assert services()[other]["healthcheck"]["test"][0] in ("CMD", "CMD-SHELL"), f"{name} waits for {other}"


def test_what_keeps_every_moment_runs_by_itself_and_fills_no_disk_of_the_books() -> None:
    """An archive that nobody has started is missed on the day that it is needed; one that has died must not stop the server."""
    given = services()["postgres"]["command"]
    assert {"max_slot_wal_keep_size=8GB", "archive_timeout=60s", "hba_file=/etc/postgresql/pg_hba.conf"} <= set(given)
    assert services()["postgres"]["configs"] == [{"source": "pg_hba", "target": "/etc/postgresql/pg_hba.conf"}]
    assert yaml.safe_load(text("docker-compose.yml"))["configs"]["pg_hba"]["file"] == "./gateway/cli/recovery/pg_hba.conf"
    archive = services()["archive"]
    assert archive["restart"] == "unless-stopped"
    assert "JASHO_BACKUP_KEY" in asked_for(), "without a key of its own it would end at once, again and again"
    [volume] = archive["volumes"]
    name, _, folder = volume.partition(":")
    assert name in yaml.safe_load(text("docker-compose.yml"))["volumes"]
    assert archive["command"][-1].startswith(f"{folder}/")
    assert f"mkdir -m 700 {folder} && chown 10001:10001 {folder}" in given_to(stages()[-1], "RUN")
    assert given_to(stages()[-1], "USER") == ["10001:10001"]


@pytest.mark.parametrize("name", ["gateway", "worker"])
def test_nothing_works_on_an_old_schema(name: str) -> None:
    """After an upgrade the first customers would meet code that expects tables which are not there yet."""
    waits = services()[name]["depends_on"]
    assert waits["migrate"]["condition"] == "service_completed_successfully"
    assert waits["redis"]["condition"] == "service_healthy"
    assert services()["migrate"]["depends_on"]["postgres"]["condition"] == "service_healthy"
    assert services()["migrate"]["restart"] == "no", "a migration that is started again never completes"


def test_the_gateways_check_asks_the_gateway() -> None:
    """A check that cannot run marks a well gateway as ill; the image has Python and no curl."""
    kind, program, flag, code = services()["gateway"]["healthcheck"]["test"]
    assert (kind, program, flag) == ("CMD", "python", "-c")
    compile(code, "healthcheck", "exec")
    assert "http://127.0.0.1:8000/healthz" in code


@pytest.mark.parametrize("name", ["postgres", "redis"])
def test_the_databases_are_not_for_everybody(name: str) -> None:
    """A published port is open to the whole network, whatever the machine's firewall says: Docker goes around it."""
    compose = yaml.safe_load(text("docker-compose.yml"))
    assert "ports" not in services()[name]
    assert services()[name]["networks"] == ["stores"]
    assert compose["networks"]["stores"]["internal"] is True


def test_the_books_outlive_their_container() -> None:
    """PostgreSQL 18's image keeps them under this folder; a volume elsewhere stays empty, and they go with the container."""
    assert services()["postgres"]["volumes"] == ["postgres-data:/var/lib/postgresql"]
    assert "postgres-data" in yaml.safe_load(text("docker-compose.yml"))["volumes"]


def test_the_databases_log_quotes_nobody() -> None:
    """A statement that fails would be written down with names, ID numbers and the hashes of PINs in it."""
    given = services()["postgres"]["command"]
    for option in ("log_min_error_statement=panic", "log_error_verbosity=terse", "log_parameter_max_length_on_error=0"):
        assert given[given.index(option) - 1] == "-c"


@pytest.mark.parametrize("name", SERVICES)
def test_a_break_in_gains_little(name: str) -> None:
    """Whoever takes over one container can neither become root in it nor change what it runs."""
    service = services()[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    users = {"postgres": "postgres", "redis": "redis", "proxy": "haproxy"}
    assert service.get("user") == users.get(name)


def test_only_the_proxy_is_open_to_others() -> None:
    """A port of the gateway that is open beside it has no certificate and no limits."""
    published = {name: service["ports"] for name, service in services().items() if "ports" in service}
    assert published == {"gateway": ["127.0.0.1:8000:8000"], "proxy": ["443:8443"]}


@pytest.mark.parametrize("name", SERVICES)
def test_nothing_takes_the_whole_machine(name: str) -> None:
    """A log that grows without end fills the disk that the books are on; memory without end ends whom the system chooses."""
    service = services()[name]
    assert service["logging"] == {"driver": "local", "options": {"max-size": "20m", "max-file": "5"}}
    assert re.fullmatch(r"\d+[mg]", service["mem_limit"])
    assert 0 < service["pids_limit"] <= 300


def test_no_process_that_answers_strangers_knows_the_owner() -> None:
    """With the owner's password, whoever breaks into the gateway writes the journal."""
    tell_owner = {name for name, service in services().items() if "POSTGRES_PASSWORD" in str(service.get("environment", {}))}
    assert tell_owner == {"postgres", "migrate", "archive"}
    for name in ("migrate", "archive"):
        assert services()[name]["networks"] == ["stores"]
        assert "ports" not in services()[name]
    logins = {name: services()[name]["environment"]["JASHO_DATABASE_URL"].split("//")[1].split(":")[0] for name in OURS}
    assert set(logins.values()) == {"jasho_service"}
    assert services()["migrate"]["environment"]["JASHO_MIGRATE_DATABASE_URL"].startswith("postgresql://jasho:")
    assert services()["postgres"]["environment"]["POSTGRES_USER"] == "jasho"


def test_the_gateway_believes_the_proxy_and_nobody_beside_it() -> None:
    """Of anybody else in that network, and of Docker's own address there, a lie about where a request comes from would count."""
    environment = services()["gateway"]["environment"]
    address = services()["proxy"]["networks"]["front"]["ipv4_address"]
    assert filled(environment["FORWARDED_ALLOW_IPS"], {}) == address
    sharing = {name for name in SERVICES if "front" in services()[name]["networks"]}
    assert sharing == {"gateway", "proxy"}
    front = yaml.safe_load(text("docker-compose.yml"))["networks"]["front"]
    assert front["internal"] is True
    assert ip_address(address) in ip_network(front["ipam"]["config"][0]["subnet"])
    shared = set(services()["gateway"]["networks"]) & set(services()["proxy"]["networks"])
    assert shared == {"front"}, "by another way its requests come from another address"


def test_the_proxys_bounds_are_not_above_the_gateways() -> None:
    """What breaks a bound would otherwise reach the processes; and its log would hold the secret in the callbacks' address."""
    proxy = text("gateway/proxy/haproxy.cfg")
    figures = {
        name: int(number) for name, number in re.findall(r"^\s+(tune\.bufsize|timeout [\w-]+) (\d+)s?$", proxy, re.MULTILINE)
    }
    assert figures["tune.bufsize"] <= connection.MOST_HEAD_BYTES
    assert figures["timeout http-request"] <= 5
    assert int(re.findall(r"content-length\) gt (\d+)", proxy)[0]) <= connection.MOST_BODY_BYTES
    assert int(re.findall(r"server gateway .* maxconn (\d+)", proxy)[0]) < connection.MOST_AT_WORK
    assert "deny_status 404 unless { path_beg /api/ }" in proxy
    assert "option http-server-close" in proxy, "the gateway ends what is idle"
    assert re.search(r"^defaults\n(?:    .*\n)*    no log\n", proxy, re.MULTILINE)
    assert "httplog" not in proxy
    assert "http-request set-header X-Request-Id %[uuid()]\n" in proxy, "what a stranger calls his request would be taken"
    assert set(re.findall(r"\$\{(\w+)\}", proxy)) == set(services()["proxy"]["environment"])


def test_a_worker_that_stands_still_is_seen() -> None:
    """Nobody asks it anything: without a check, messages wait until a customer calls."""
    assert services()["worker"]["healthcheck"]["test"] == ["CMD", "jasho", "worker", "--check"]


def test_the_image_does_not_run_as_root() -> None:
    """A number, not a name: Kubernetes refuses to start a name as a non-root user."""
    user = given_to(stages()[-1], "USER")[-1]
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", user)


def test_the_final_stage_installs_nothing() -> None:
    """A compiler or a package manager in the image is a tool for whoever breaks in, and a list of holes to mend."""
    final = stages()[-1]
    runs = " ".join(given_to(final, "RUN"))
    assert not re.search(r"\b(apt-get|apt|apk|curl|wget|gcc|make)\b|\b(pip|uv) install\b", runs)
    assert given_to(final, "COPY") == ["--from=builder /opt/jasho /opt/jasho"]
    assert "pip uninstall --yes setuptools pip" in " ".join(given_to(stages()[0], "RUN"))


def test_the_image_is_built_from_the_lock() -> None:
    """Otherwise the operator runs other versions than those that were tested, or somebody else's package."""
    installs = [run for run in given_to(stages()[0], "RUN") if "pip install" in run]
    assert "--require-hashes -r requirements.lock" in installs[0]
    assert "--no-deps --no-build-isolation ." in installs[1]


def test_what_the_image_is_built_from_is_sent_and_no_secret_is() -> None:
    """What .dockerignore leaves out, the build does not find; what it lets in may stay in the image for all to read."""
    rules = [line for line in text(".dockerignore").splitlines() if line and not line.startswith("#")]
    assert rules[0] == "*", "everything is left out but what is named"
    let_in = {rule.removeprefix("!") for rule in rules if rule.startswith("!")}
    copied = {source for copy in given_to(stages()[0], "COPY") for source in shlex.split(copy)[:-1]}
    assert copied == let_in
    assert all((ROOT / source).exists() for source in copied)
    assert rules[-1] == "**/.env*"


def test_the_wheel_takes_every_file_along() -> None:
    """A file that no pattern of package-data names is on every developer's machine and not in the image."""
    setuptools = tomllib.loads(text("pyproject.toml"))["tool"]["setuptools"]
    patterns = [*setuptools["package-data"]["*"], "*.py"]
    assert {pattern.removesuffix("*") for pattern in setuptools["packages"]["find"]["include"]} == set(PACKAGES)
    left_behind = [
        str(path.relative_to(ROOT))
        for package in PACKAGES
        for path in (ROOT / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and not any(fnmatch(path.name, known) for known in patterns)
    ]
    assert set(left_behind) <= OUTSIDE_THE_WHEEL


@pytest.mark.parametrize(("where", "command"), commands())
def test_every_command_is_one_that_jasho_has(where: str, command: list[str]) -> None:
    """A container that is told to run something unknown ends at once, at every start."""
    from gateway.cli.main import main

    program, name, *arguments = command
    assert program == "jasho"
    assert name in main.commands, where
    found = main.commands[name]
    found.make_parser(click.Context(found)).parse_args(list(arguments))


@pytest.mark.system
def test_ci_runs_the_same_tests() -> None:
    """A second list of what to check would drift from the one that contributors run."""
    lines = text(".ci/run").splitlines()
    assert lines[-1].split() == ["exec", "make", "test"]
    assert "set -euo pipefail" in lines
    assert os.access(ROOT / ".ci" / "run", os.X_OK), "a fresh clone could not start it"
    subprocess.run(["bash", "-n", str(ROOT / ".ci" / "run")], check=True)


def test_ci_asks_no_address_of_its_own() -> None:
    """Where packages come from is the machine's business: a mirror, a proxy, or the public registries."""
    assert "://" not in text(".ci/run")
    assert "index-url" not in text(".ci/run")


def test_the_workflow_runs_ci_on_the_oldest_and_the_newest_python() -> None:
    """What pyproject.toml promises would otherwise hold on the authors' machines only."""
    workflow = yaml.safe_load(text(".github/workflows/test.yml"))
    job = workflow["jobs"]["test"]
    oldest = tomllib.loads(text("pyproject.toml"))["project"]["requires-python"].removeprefix(">=")
    newest = re.findall(r"python:(\d+\.\d+)", text("Dockerfile"))[-1]
    assert job["strategy"]["matrix"]["python"] == [oldest, newest]
    assert [step["run"] for step in job["steps"] if "run" in step] == [".ci/run"]
    folder = job["defaults"]["run"]["working-directory"]
    assert " " in folder, "a checkout whose path has a blank is tried nowhere else"
    assert job["steps"][0]["with"]["path"] == folder
    assert all(re.fullmatch(r"[\w-]+/[\w-]+@v\d+", step["uses"]) for step in job["steps"] if "uses" in step)
    assert workflow["permissions"] == {"contents": "read"}
    assert job["timeout-minutes"] <= 90


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_names_no_place(name: str) -> None:
    """An address in it would be one that other people's machines may not reach, or should not trust."""
    found = re.findall(r"https?://|file:|--(?:extra-)?index-url|--find-links|--trusted-host", text(name))
    assert found == []


@pytest.mark.parametrize("name", LOCKS)
def test_everything_locked_has_its_hash(name: str) -> None:
    """Without one, whoever gets hold of a package's name is installed with the rest."""
    entries = [entry for entry in text(name).replace("\\\n", " ").splitlines() if entry and not entry.startswith("#")]
    assert entries
    for entry in entries:
        assert re.match(r"[a-z0-9][a-z0-9._-]*(\[[a-z,]+\])?==\S+ ", entry), entry[:80]
        assert re.search(r"--hash=sha256:[0-9a-f]{64}", entry), entry[:80]
