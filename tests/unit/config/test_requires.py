"""The config's key `requires`: which versions of shipmark fit a range, and the error of one that does not."""

from __future__ import annotations

import msgspec
import pytest

from release import __version__
from release.config.document import parse
from release.config.load import load
from release.config.requires import require_version
from release.errors import ConfigError

FITS = {
    "0.2.0": [
        ">=0.2",
        ">=0.2.0",
        ">=0.1",
        "==0.2",
        "=0.2.0",
        "<1",
        "<0.3",
        "<=0.2",
        ">=0.2 <1",
        ">=0.2, <1",
        "> 0.1",
    ],
    "0.2.7": [">=0.2", "==0.2", "<=0.2", ">0.2.6", ">=v0.2"],
    "1.0.0": [">0.2", ">=0.2", "==1", ">=1.0.0"],
    # Builds on the way to a version know its keys.
    "0.2.0-rc.1": [">=0.2", ">=0.2.0", "==0.2", ">=0.2.0-rc.1", "<0.2.0-rc.2"],
    "0.2.0-dev.5.g3f2a9c1b7d40": [">=0.2", "<=0.2.0-rc.1"],
    "0.2.0.dev3+g3f2a9c1": [">=0.2", "==0.2.0"],
    "0.10.0": [">=0.9", ">0.2", "<=0.10"],
}
OUTSIDE = {
    "0.1.0": [">=0.2", ">=0.2.0", "==0.2", ">0.1", ">0.1.0", ">=0.1 <0.1", ">=0.2 <1"],
    "0.2.0": ["<0.2", "<0.2.0", ">0.2", "==0.1", ">=0.10"],
    "0.2.0-rc.1": [">=0.2.0-rc.2", ">=0.3", ">0.2.0-rc.1"],
    "1.2.0": ["<1", ">=0.2 <1", "<=1.1"],
}
NO_RANGES = ["", " ", "0.2", "^0.2", "~=0.2", ">=", ">=x", ">=0.2.x", ">=0.2.0.1", ">=0.2<1", ">=0.2 ||  <1", ">=00.2",
             ">=0.2.0-", ">=0.2.0-01", ">=1234567890", ">=0.2\x00", ">=" + "1" * 5000, "[]", "1,"]  # fmt: skip


@pytest.mark.parametrize(("running", "text"), [(one, text) for one, texts in FITS.items() for text in texts])
def test_version_inside_the_range_is_accepted(running: str, text: str) -> None:
    require_version(parse(f'requires: "{text}"\n', "shipmark.yml"), running)


@pytest.mark.parametrize(
    ("running", "text"), [(one, text) for one, texts in OUTSIDE.items() for text in texts]
)
def test_version_outside_the_range_is_refused_with_both_versions(running: str, text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        require_version(parse(f'image: a\nrequires: "{text}"\n', "shipmark.yml"), running)
    assert caught.value.exit_code == 2
    assert caught.value.message == (
        f"shipmark.yml:2:11: `requires` asks for shipmark `{text}`, and this is shipmark {running}"
    )
    assert caught.value.hint is not None
    assert text in caught.value.hint
    assert running in caught.value.hint


@pytest.mark.parametrize("text", NO_RANGES, ids=range(len(NO_RANGES)))
def test_text_that_is_not_a_range_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="`requires` is not a range of versions") as caught:
        require_version(msgspec.structs.replace(parse("", "shipmark.yml"), value={"requires": text}), "0.2.0")
    assert len(caught.value.message) < 300
    assert caught.value.hint is not None
    assert '`requires: ">=0.2"`' in caught.value.hint


def test_version_is_judged_before_keys_that_this_version_does_not_know() -> None:
    with pytest.raises(ConfigError, match="asks for shipmark `>=99`"):
        load('colour: blue\nbuild: {teleport: true}\nrequires: ">=99"\n', "shipmark.yml", {})


def test_this_version_reads_its_own_range() -> None:
    assert load(f'image: a\nrequires: ">={__version__}"\n', "shipmark.yml", {}).components[0].name == "app"


def test_list_in_place_of_a_range_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"shipmark\.yml:1:11: `requires` is not a range of versions$"):
        load("requires: ['>=0.1']\n", "shipmark.yml", {})


def test_range_without_quotes_gets_a_hint_about_quotes() -> None:
    with pytest.raises(ConfigError) as caught:
        load("image: a\nrequires: >=0.2\n", "shipmark.yml", {})
    assert caught.value.hint == 'a value that begins with `>` or `|` needs quotes: `">=0.2"`'


def test_untrusted_run_does_not_read_the_range() -> None:
    config = load('image: a\nrequires: ">=99"\n', "shipmark.yml", {}, public={})
    assert config.ignored == ("requires",)
