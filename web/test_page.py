"""The page: its own tests, and tests of the built page in Chromium.

Needs Node 20, npm and Chromium (`CHROMIUM` names another than /usr/bin/chromium), and
`web/public/models`, which `make web` exports.
"""

import shutil
import subprocess
from pathlib import Path

import pytest

WEB = Path(__file__).parent


def npm(*args: str, timeout: float) -> str:
    """Runs npm in web/; a failure shows what the command printed."""
    done = subprocess.run(
        ["npm", *args],
        cwd=WEB,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=timeout,
    )
    if done.returncode:
        pytest.fail(f"npm {' '.join(args)} failed:\n{done.stdout[-8000:]}", pytrace=False)
    return done.stdout


@pytest.fixture(scope="module")
def packages() -> None:
    """The packages of web/package-lock.json."""
    if not shutil.which("npm"):
        pytest.fail("npm is missing: install Node 20", pytrace=False)
    lock = WEB / "package-lock.json"
    installed = WEB / "node_modules" / ".package-lock.json"
    if not installed.exists() or installed.stat().st_mtime < lock.stat().st_mtime:
        npm("ci", timeout=300)


@pytest.fixture(scope="module")
def page(packages: None) -> None:
    """web/dist, built from the exported models."""
    if not (WEB / "public/models/photo/check.bin").exists():
        pytest.fail("web/public/models is missing: run `make web`", pytrace=False)
    npm("run", "build", timeout=120)


def test_lock_file_has_no_addresses() -> None:
    assert '"resolved"' not in (WEB / "package-lock.json").read_text()


def test_types(packages: None) -> None:
    npm("run", "check", timeout=120)


def test_maths_and_jobs(packages: None) -> None:
    npm("test", timeout=120)


@pytest.mark.parametrize("suite", ["seam", "clean", "errors", "site", "lab", "backends", "big"])
def test_in_chromium(page: None, suite: str) -> None:
    print(npm("run", "e2e", "--", suite, timeout=600))
