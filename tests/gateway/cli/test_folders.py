"""A checkout works wherever people put it: in a folder whose name has blanks, quotes, signs or no end."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.source import ROOT
from tests.conftest import LOGS, free_port, wait_until_ready

pytestmark = pytest.mark.system

PACKAGES = ("api", "core", "gateway", "locales", "menus")
# Everything at once: `%` begins something in Alembic's settings and in an address, the length is too much for a socket.
NAME = f"it's 100% a ñandú's #checkout & {'long ' * 20}"
# The packages of the current folder come before those that are installed.
JASHO_HERE = "from gateway.cli.main import main; main(prog_name='jasho')"


@pytest.fixture
def checkout(own_folder: Path) -> Path:
    made = own_folder / NAME
    for package in PACKAGES:
        shutil.copytree(ROOT / package, made / package, ignore=shutil.ignore_patterns("__pycache__"))
    return made


def test_a_checkout_in_a_folder_of_any_name_serves_and_is_dialled(checkout: Path) -> None:
    port, log = free_port(), LOGS / "folders.log"
    jasho = [sys.executable, "-c", JASHO_HERE]
    with log.open("w") as output:
        service = subprocess.Popen([*jasho, "serve", "--port", str(port)], cwd=checkout, stdout=output, stderr=output)
    try:
        wait_until_ready(f"http://127.0.0.1:{port}", service, log)
        dial = [*jasho, "dial", "*384*96*1#", "--phone", "0711000001"]
        done = subprocess.run(dial, cwd=checkout, capture_output=True, text=True, timeout=60, check=False)
        assert "Your balance is KES 12,500" in done.stdout, done.stderr
        assert (checkout / ".jasho" / "postgres").is_dir(), "it took another checkout's data"
    finally:
        service.terminate()
        service.wait(30)
    assert [*checkout.rglob("postmaster.pid")] == []
