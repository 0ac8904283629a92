"""The log's HTML page in a real browser: self-contained, filterable, light and dark, readable on a phone."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.programs.command import Shipmark
from tests.support.releases.project import Project
from tests.support.services.browser import Browser


@pytest.fixture
def page(make_project: Callable[..., Project]) -> Path:
    """Give the HTML page of a log with two releases and a branch build with a hostile name."""
    project = make_project()
    for git_tag in ("v1.4.2", "v1.4.3"):
        project.release_commit(git_tag)
        project.must("run")
    project.repo.branch("<script>alert(1)</script>")
    project.release_commit()
    project.must("run")
    project.must("log", "export", "--format", "html", "-o", "page.html")
    return project.repo.path / "page.html"


def test_html_page_of_the_log_loads_nothing_from_elsewhere(page: Path) -> None:
    text = page.read_text()
    assert re.findall(r"""(?:src|href)=|url\(|@import|https?://""", text) == []
    assert "default-src 'none'" in text
    assert "<script>alert" not in text


def test_html_page_of_the_log_shows_and_filters_releases(page: Path, browser: Browser) -> None:
    browser.open(page)
    assert browser.run("return document.querySelectorAll('#releases li').length") == 3
    assert browser.run("return document.querySelectorAll('.lane').length") >= 3
    lane = "[...document.querySelectorAll('.lane')].find((one) => one.textContent.includes(':latest'))"
    assert browser.run(f"return {lane}.querySelectorAll('.bar span').length") == 2
    browser.type("#text", "1.4.2")
    shown = "return [...document.querySelectorAll('#releases li:not([hidden]) .name')].map((one) => one.textContent)"
    assert browser.run(shown) == ["1.4.2"]
    assert browser.run("return document.getElementById('count').textContent") == "1 of 3 releases"


def test_html_page_of_the_log_shows_the_reason_of_a_rollback(
    page: Path, browser: Browser, shipmark: Shipmark
) -> None:
    folder = page.parent
    back = shipmark("rollback", "--to", "1.4.2", "--reason", "it <b>eats</b> mail", cwd=folder)
    assert back.code == 0, back.stderr
    assert shipmark("log", "export", "--format", "html", "-o", "page.html", cwd=folder).code == 0
    browser.open(page)
    browser.run("document.getElementById('state').value = 'yanked';")
    browser.run("document.getElementById('state').dispatchEvent(new Event('input', {bubbles: true}));")
    shown = "[...document.querySelectorAll('#releases li:not([hidden])')]"
    assert browser.run(f"return {shown}.map((one) => one.querySelector('.name').textContent)") == ["1.4.3"]
    assert "taken back: it <b>eats</b> mail" in browser.run(f"return {shown}[0].textContent")


def test_html_page_of_the_log_fits_a_phone_and_has_a_light_and_a_dark_mode(
    page: Path, browser: Browser
) -> None:
    browser.resize(360, 740)
    browser.open(page)
    assert browser.run("return document.documentElement.scrollWidth <= window.innerWidth")
    papers = []
    for scheme in ("light", "dark"):
        browser.prefer(scheme)
        papers.append(browser.run("return getComputedStyle(document.body).backgroundColor"))
    assert papers == ["rgb(255, 255, 255)", "rgb(13, 17, 23)"]
