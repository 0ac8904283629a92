"""Parts of a long test, for a machine on which nothing may run for long."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TypeVar

Item = TypeVar("Item")


def part_of(whole: Sequence[Item]) -> Sequence[Item]:
    """Return the part that the variable `SOAK_PART` names, such as the second third for `2/3`; all without it."""
    part, parts = (int(number) for number in os.environ.get("SOAK_PART", "1/1").split("/"))
    return whole[len(whole) * (part - 1) // parts : len(whole) * part // parts]
