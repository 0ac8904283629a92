"""The log's HTML page in a real browser: self-contained, safe, readable with any screen, keyboard and screen reader."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tests.support.logs.page_log import write_log
from tests.support.programs.command import Shipmark
from tests.support.releases.project import Project
from tests.support.services.browser import Browser
from tests.support.services.required import require

COUNT = 120
SCRIPT = "</script><script>window.hacked = 1</script>"
#: What an outsider may have chosen, where the page shows it.
HOSTILE = {
    "reason": f'{SCRIPT}<img src=x onerror="window.hacked=2">--><!--<script>',
    "environment": f'prod"onmouseover="window.hacked=3" {SCRIPT}',
    "evidence": "<svg onload=window.hacked=4>{{script}}{{config}}\u2028\u202eevil",
    "branch_tag": "a'\"><b onclick=window.hacked=5>",
    "remote": "javascript:window.hacked=6",
    "run_url": "javascript:window.hacked=7//",
    "run_id": '9"><a href="javascript:window.hacked=8">',
    "component": "</th><script>window.hacked=9</script>\t\n",
    "git_tag": "<x>",
}


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """Give one browser for all tests of the module: starting it takes longer than most of them."""
    require("chromium")
    opened = Browser(tmp_path_factory.mktemp("browser"))
    yield opened
    opened.close()


class Pages:
    """Makes pages of two logs, one with hostile texts, each page once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._shipmark = Shipmark(folder, folder)
        for name, texts in (("plain", {}), ("hostile", HOSTILE)):
            write_log(folder / name / ".shipmark" / "log.jsonl", COUNT, texts)

    def of(self, name: str, output: str = "page.html", *, again: bool = False) -> Path:
        """Return the page of the log `plain` or `hostile`. `output`: a file, or a folder with a slash at its end."""
        path = self._folder / name / output
        if again or not path.exists():
            args = ("log", "export", "--format", "html", "-o", output)
            done = self._shipmark(*args, cwd=self._folder / name)
            assert (done.code, done.stdout) == (0, ""), done.stderr
        return path / "index.html" if output.endswith("/") else path


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Pages:
    """Give a maker of pages."""
    return Pages(tmp_path_factory.mktemp("pages"))


@pytest.fixture(scope="module")
def page(pages: Pages) -> Path:
    """Give the page of a log with 120 releases, as one file."""
    return pages.of("plain")


class _Seen(HTMLParser):
    """Collects what a page could load or run, and its ids."""

    def __init__(self) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.handlers: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.policy = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag in ("link", "img", "iframe", "object", "embed", "base") or "src" in given:
            self.loads.append(tag)
        self.handlers += [name for name in given if name.startswith("on") or name == "style"]
        self.ids += [str(given["id"])] if "id" in given else []
        self.links += [str(given["href"])] if "href" in given else []
        if given.get("http-equiv") == "Content-Security-Policy":
            self.policy = str(given["content"])


def _seen(path: Path) -> _Seen:
    seen = _Seen()
    seen.feed(path.read_text())
    return seen


@pytest.mark.parametrize("name", ["plain", "hostile"])
def test_page_loads_nothing_and_runs_no_script_but_its_own(pages: Pages, name: str) -> None:
    path = pages.of(name)
    seen = _seen(path)
    assert seen.loads == []
    assert seen.handlers == []
    assert len(seen.ids) == len(set(seen.ids))
    assert "default-src 'none'" in seen.policy
    assert "unsafe" not in seen.policy
    assert re.findall(r"script-src ([^;]*)", seen.policy) == re.findall(
        r"script-src ('sha256-[^' ]*')", seen.policy
    )
    assert all(re.match(r"#|https://(github\.com/acme|ghcr\.io/acme)/", link) for link in seen.links), (
        seen.links
    )
    assert not re.findall(r"url\(|@import", path.read_text())


def test_page_of_one_log_is_the_same_each_time(pages: Pages) -> None:
    assert pages.of("plain").read_bytes() == pages.of("plain", "again.html").read_bytes()


@pytest.mark.parametrize("output", ["page.html", "site/"])
def test_text_of_an_outsider_never_becomes_markup_or_script(
    pages: Pages, browser: Browser, output: str
) -> None:
    path = pages.of("hostile", output)
    browser.resize(1440, 900)
    browser.messages()
    browser.open(path)
    for action in ("click('next')", "click('next')", "click('back')"):
        browser.run(f"const click = (id) => document.getElementById(id).click(); {action}")
        browser.wait("document.getElementById('status').textContent.startsWith('Releases')")
    browser.type("#text", "onerror")
    browser.wait("document.getElementById('status').textContent.includes('that fit')")
    shown = browser.run("return document.getElementById('rows').textContent")
    assert f"taken back: {SCRIPT}<img src=x onerror=" in shown
    assert browser.run("return [typeof window.hacked, document.querySelectorAll('img, b b, x').length]") == [
        "undefined",
        0,
    ]
    links = (
        "return [...document.querySelectorAll('a')].filter((one) => !/^(https:|file:)/.test(one.href)).length"
    )
    assert browser.run(links) == 0
    assert browser.messages() == []


def test_rows_of_the_file_and_rows_of_the_script_are_the_same(pages: Pages, browser: Browser) -> None:
    rows = "return document.getElementById('rows').innerHTML"
    for name in ("plain", "hostile"):
        browser.open(pages.of(name))
        before = browser.run(rows)
        for button in ("next", "back"):
            browser.run(f"document.getElementById('{button}').click()")
            number = 2 if button == "next" else 1
            browser.wait(
                f"document.getElementById('page').value === '{number}' && document.querySelector('#rows tr')"
            )
        assert browser.run(rows) == before.replace("\n", "")


def test_page_shows_states_environments_moving_tags_and_links(page: Path, browser: Browser) -> None:
    browser.open(page)
    texts = "return [...document.querySelectorAll('{}')].map((one) => one.textContent)"
    running = browser.run(texts.format("#running-title ~ table tbody tr"))
    assert [("prod" in one, "1.114.0" in one, "helm release 42" in one) for one in running] == [
        (True, True, True)
    ]
    tags = browser.run(
        "return [...document.querySelectorAll('#tags-title ~ table tbody th b')].map((b) => b.textContent)"
    )
    assert tags == ["latest", "next", "stable", "latest", "main"]
    row = "[...document.querySelectorAll('#rows tr')].find((one) => one.querySelector('b').textContent === '{}')"
    states = {
        "1.113.0": ["released", "promoted"],
        "1.114.0": ["released", "deployed"],
        "1.115.0": ["yanked"],
        "1.116.0": ["unfinished"],
        "1.118.0-rc.1": ["pre-release"],
        "1.119.0": ["failed"],
    }
    for name, wanted in states.items():
        found = browser.run(
            f"return [...{row.format(name)}.querySelectorAll('.state')].map((one) => one.innerText)"
        )
        assert [one.split()[-1] for one in found] == wanted, name
        assert all(len(one.split()) == 2 for one in found), "each word has a symbol beside it"
    links = browser.run(f"return [...{row.format('1.114.0')}.querySelectorAll('a')].map((one) => one.href)")
    assert [re.sub("[0-9a-f]{40}", "COMMIT", one) for one in links] == [
        "https://github.com/acme/api/commit/COMMIT",
        "https://ghcr.io/acme/api",
        "https://github.com/acme/api/actions/runs/9114",
    ]
    ticks = browser.run(texts.format(".axis text"))
    assert ticks
    assert all(re.fullmatch(r"\d{1,2} [A-Z][a-z]{2}|[A-Z][a-z]{2} \d{4}", one) for one in ticks)


@pytest.mark.parametrize("output", ["page.html", "site/"])
def test_search_filters_and_pages_reach_every_release(pages: Pages, browser: Browser, output: str) -> None:
    browser.open(pages.of("plain", output))
    names = "return [...document.querySelectorAll('#rows tr b')].map((one) => one.textContent)"
    status = "document.getElementById('status').textContent"
    assert browser.run(f"return {status}") == "Releases 1 to 50 of 120, newest first"
    browser.type("#text", "1.7.")
    browser.wait(f"{status} === 'Releases 1 to 1 of 1 that fit, newest first'")
    assert browser.run(names) == ["1.7.0"]
    browser.run("document.getElementById('text').value = '';")
    pick = (
        "const one = document.getElementById('{}'); one.value = '{}'; "
        "one.dispatchEvent(new Event('input', {{bubbles: true}}))"
    )
    browser.run(pick.format("state", "yanked"))
    browser.wait(f"{status}.startsWith('Releases 1 to 12 of 12 that fit')")
    assert browser.run(names)[0] == "1.115.0"
    browser.run(pick.format("state", ""))
    browser.wait(f"{status} === 'Releases 1 to 50 of 120, newest first'")
    browser.run("document.querySelector('#sorted button').click()")
    browser.wait(f"{status} === 'Releases 1 to 50 of 120, oldest first'")
    assert browser.run(names)[:2] == ["1.0.0", "1.1.0"]
    assert browser.run("return document.getElementById('sorted').ariaSort") == "ascending"
    browser.run(
        "const page = document.getElementById('page'); page.value = 3; page.dispatchEvent(new Event('change'))"
    )
    browser.wait(f"{status} === 'Releases 101 to 120 of 120, oldest first'")
    assert browser.run(names)[-1] == "1.119.0"


def test_page_fits_phone_tablet_and_desktop_in_light_and_dark(page: Path, browser: Browser) -> None:
    papers = set()
    for width in (360, 800, 1440):
        browser.resize(width, 900)
        for scheme in ("light", "dark"):
            browser.prefer(scheme)
            browser.open(page)
            assert browser.run("return document.documentElement.scrollWidth") <= width, (width, scheme)
            papers.add(browser.run("return getComputedStyle(document.body).backgroundColor"))
            assert browser.run(_FAINT) == [], (width, scheme)
    assert papers == {"rgb(255, 255, 255)", "rgb(13, 17, 23)"}
    browser.prefer("light")
    browser.resize(1440, 900)


#: Texts whose contrast with what is behind them is below 4.5:1, as WCAG 2.2 wants it (1.4.3).
_FAINT = """
const parts = (colour) => colour.match(/[\\d.]+/g).map(Number);
const light = (colour) => {
  const linear = (one) => one <= .04045 ? one / 12.92 : ((one + .055) / 1.055) ** 2.4;
  const [r, g, b] = parts(colour).map((one) => linear(one / 255));
  return .2126 * r + .7152 * g + .0722 * b;
};
const behind = (one) => {
  const colour = getComputedStyle(one).backgroundColor;
  return parts(colour)[3] === 0 ? (one.parentElement ? behind(one.parentElement) : "rgb(255, 255, 255)") : colour;
};
const contrast = (a, b) => (Math.max(light(a), light(b)) + .05) / (Math.min(light(a), light(b)) + .05);
const found = new Set();
for (const one of document.querySelectorAll("body *:not(script):not(noscript):not(option)")) {
  const own = [...one.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
  if (!own || one.closest("[aria-disabled=true]")) continue;
  const svg = one.closest("svg");
  const ink = svg ? getComputedStyle(one).fill : getComputedStyle(one).color;
  const rect = one.previousElementSibling;
  const paper = svg && rect && rect.tagName === "rect" ? getComputedStyle(rect).fill : behind(one);
  const isDrawn = one.tagName !== "title" && paper !== "none";
  if (isDrawn && contrast(ink, paper) < 4.5) found.add(`${one.tagName} ${one.className} ${ink} ${paper}`);
}
return [...found];
"""


def test_keyboard_alone_reaches_search_order_and_the_next_page(page: Path, browser: Browser) -> None:
    browser.open(page)
    focus = "return document.activeElement.id || document.activeElement.textContent"
    browser.press("Tab")
    assert browser.run(focus) == "Skip to the releases"
    browser.press("Enter", "Tab")
    assert browser.run(focus) == "text"
    browser.press(*"stable", "Tab")
    browser.wait("document.getElementById('status').textContent.includes('that fit')")
    order = [browser.run(focus)]
    for _ in range(4):
        browser.press("Tab")
        order.append(browser.run(focus))
        outline = browser.run("return getComputedStyle(document.activeElement).outlineStyle")
        assert outline != "none", order
    assert order == ["state", "channel", "place", "back", "page"]
    browser.run(
        "const text = document.getElementById('text'); text.value = '';"
        "text.dispatchEvent(new Event('input', {bubbles: true}))"
    )
    browser.wait("document.getElementById('status').textContent === 'Releases 1 to 50 of 120, newest first'")
    browser.press("Tab", "Enter")
    browser.wait(
        "document.getElementById('status').textContent === 'Releases 51 to 100 of 120, newest first'"
    )
    assert browser.run(focus) == "next", "the focus stays, so that the next page is one more key"
    browser.press("Tab", "Enter")
    browser.wait("document.getElementById('status').textContent === 'Releases 1 to 50 of 120, oldest first'")


def test_screen_reader_gets_names_landmarks_headings_and_tables(page: Path, browser: Browser) -> None:
    for width in (360, 1440):
        browser.resize(width, 900)
        browser.open(page)
        nodes = [
            (one["role"]["value"], one.get("name", {}).get("value", "")) for one in browser.accessibility()
        ]
        roles = [role for role, _ in nodes]
        named = {
            "link",
            "button",
            "textbox",
            "searchbox",
            "combobox",
            "spinbutton",
            "table",
            "search",
            "navigation",
            "image",
        }
        assert [node for node in nodes if node[0] in named and not node[1]] == []
        assert {"main", "banner", "search", "navigation", "status"} <= set(roles)
        assert [name for role, name in nodes if role == "heading"][1:] == [
            *("What runs where", "What moving tags hold", "Releases", "What the states mean"),
        ]
        # A table that is laid out as a list on a phone is still a table.
        assert roles.count("table") == 3
        assert roles.count("row") >= 50
        assert roles.count("rowheader") >= 50
        assert [name for role, name in nodes if role == "columnheader"][-7:] == [
            *("Release", "State", "Time (UTC)", "Tags", "Commit", "Image", "CI run")
        ], width
    assert browser.run("return document.documentElement.lang") == "en"


def test_page_without_javascript_shows_the_newest_releases(page: Path, browser: Browser) -> None:
    browser.scripts(on=False)
    try:
        browser.open(page)
    finally:
        browser.scripts(on=True)
    visible = (
        "return [...document.querySelectorAll('#rows tr, #tools, #pages, noscript p')]"
        ".filter((one) => one.offsetHeight).map((one) => one.localName)"
    )
    assert browser.run(visible) == ["p", *["tr"] * 50]


def test_page_shows_the_reason_of_a_rollback(
    make_project: Callable[..., Project], browser: Browser, shipmark: Shipmark
) -> None:
    project = make_project()
    for git_tag in ("v1.4.2", "v1.4.3"):
        project.release_commit(git_tag)
        project.must("run")
    project.must("rollback", "--to", "1.4.2", "--reason", "it <b>eats</b> mail")
    project.must("log", "export", "--format", "html", "-o", "page.html")
    browser.open(project.repo.path / "page.html")
    rows = browser.run("return [...document.querySelectorAll('#rows tr')].map((one) => one.textContent)")
    assert [("yanked" in one, "taken back: it <b>eats</b> mail" in one) for one in rows] == [
        (True, True),
        (False, False),
    ]
    tags = "[...document.querySelectorAll('#tags-title ~ table tr')]"
    latest = f"{tags}.find((one) => one.textContent.includes('latest'))"
    assert browser.run(f"return {latest}.querySelector('td b').textContent") == "1.4.2"


def test_page_in_a_folder_replaces_its_files_and_leaves_others(pages: Pages) -> None:
    path = pages.of("plain", "site/")
    (path.parent / "mine.txt").write_text("mine")
    before = {one.name: one.read_bytes() for one in path.parent.rglob("*") if one.is_file()}
    assert pages.of("plain", "site/", again=True) == path
    assert {one.name: one.read_bytes() for one in path.parent.rglob("*") if one.is_file()} == before
    assert set(before) == {"index.html", "00000.js", "mine.txt"}
