"""Error messages of other programs."""

from __future__ import annotations

import pytest

from release.programs.messages import shortened, tells_full_disk


@pytest.mark.parametrize(
    ("text", "is_full"),
    [
        ("write /a: no space left on device", True),
        ("cat: write error: No space left on device", True),
        ("mkdir: Disk quota exceeded", True),
        ("there is no space left in the cart", False),
    ],
)
def test_a_message_about_a_full_disk_is_recognized(text: str, is_full: bool) -> None:
    assert tells_full_disk(text) is is_full


@pytest.mark.parametrize("most", [12, 40, 41, 99, 100])
def test_a_shortened_message_keeps_its_start_and_its_end(most: int) -> None:
    text = "".join(chr(0x100 + number) for number in range(100))
    short = shortened(text, most)
    assert len(short) == most
    start, _, end = short.partition(" … ")
    assert text.startswith(start)
    assert text.endswith(end)
    assert short == text or len(end) > len(start)
