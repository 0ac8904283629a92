"""Which build arguments have their values in the image's history."""

from __future__ import annotations

import pytest

from release.build.buildkit.published import published_arguments
from release.build.dockerfile.parser import parse
from release.oci.image_json import parse_platform

PLATFORMS = (parse_platform("linux/amd64"), parse_platform("linux/arm64"))


@pytest.mark.parametrize(
    ("text", "target", "names"),
    [
        ("FROM scratch\nARG A\n", None, ("A",)),
        ("FROM scratch\nARG B=1 A\n", None, ("A",)),
        ("ARG A\nFROM ${A}\nCOPY a /\n", None, ()),
        ("ARG A\nFROM scratch\nARG OTHER\n", None, ()),
        ("FROM x AS made\nARG A\nRUN a\nFROM scratch\nCOPY --from=made /a /\n", None, ()),
        ("FROM x AS made\nARG A\nRUN a\nFROM made\nCOPY a /\n", None, ("A",)),
        ("FROM x AS one\nARG A\nFROM one AS two\nFROM two\n", None, ("A",)),
        ("FROM x AS one\nFROM scratch\nARG A\n", "one", ()),
        ("FROM x AS one\nONBUILD ARG A\nFROM one\n", None, ("A",)),
        ("FROM x AS for-amd64\nFROM x AS for-arm64\nARG A\nFROM for-${TARGETARCH}\n", None, ("A",)),
    ],
)
def test_arguments_of_the_last_stage_and_the_stages_below_it_are_published(
    text: str, target: str | None, names: tuple[str, ...]
) -> None:
    dockerfile = parse(text)
    assert published_arguments(dockerfile, target, {"A": "scratch"}, PLATFORMS) == names
