"""The HTML page of 200,000 releases: made in bounded memory, opened, paged and searched in a browser."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import pytest

from tests.bench.log_large import LARGE, entries_in
from tests.support.programs.command import Shipmark
from tests.support.services.browser import Browser

RELEASES = LARGE // 5
#: Megabytes that the command may take at most.
MEMORY = 150
#: Bytes of the page itself; what else there is lies in files beside it.
PAGE = 400_000


@pytest.fixture
def site(shipmark: Shipmark, tmp_path: Path) -> Path:
    """Give the folder with the page. Prints seconds, memory and sizes."""
    entries_in(shipmark.folder / ".shipmark" / "log.jsonl", LARGE)
    assert shipmark("log", "list", "-n", "1", timeout=600).code == 0  # makes the index
    started = time.monotonic()
    argv = [*shipmark.argv, "log", "export", "--format", "html", "-o", f"{tmp_path / 'site'}/"]
    process = subprocess.Popen(argv, cwd=shipmark.folder, env=shipmark.env)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    site = tmp_path / "site"
    parts = sum(one.stat().st_size for one in (site / "parts").iterdir())
    page = (site / "index.html").stat().st_size
    print(
        f"{RELEASES:,} releases: {time.monotonic() - started:.1f} s, {usage.ru_utime + usage.ru_stime:.1f} s of CPU, "
        f"{usage.ru_maxrss / 1024:.0f} MB; page {page} bytes, parts {parts / 1e6:.0f} MB"
    )
    assert usage.ru_maxrss / 1024 <= MEMORY
    assert page <= PAGE
    return site


def test_page_of_200_000_releases_opens_pages_and_finds(site: Path, browser: Browser) -> None:
    started = time.monotonic()
    browser.open(site / "index.html")
    print(f"opened after {time.monotonic() - started:.2f} s")
    status = "document.getElementById('status').textContent"
    assert browser.run(f"return {status}") == "Releases 1 to 50 of 200,000, newest first"
    names = "return [...document.querySelectorAll('#rows tr b')].map((one) => one.textContent)"
    for page, first in ((2, "1.1999.49"), (2000, "1.1000.49"), (4000, "1.0.49")):
        turn = f"const page = document.getElementById('page'); page.value = {page};"
        browser.run(f"{turn} page.dispatchEvent(new Event('change'))")
        browser.wait(f"{status}.startsWith('Releases {50 * page - 49:,} to {50 * page:,} of')")
        assert browser.run(names)[0] == first
    started = time.monotonic()
    browser.type("#text", "1.17.33")
    browser.wait(f"{status}.includes('that fit') || {status} === 'No release fits'")
    print(f"found after {time.monotonic() - started:.1f} s")
    assert browser.run(names) == ["1.17.33"]
