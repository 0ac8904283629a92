"""Options whose text is recorded, in all commands."""

from __future__ import annotations

import click
import pytest

from release.cli.commands import deployed, preview, promote, restore, rollback, run
from release.cli.commands.log import recover
from release.cli.option_types import RECORDED_TEXT


@pytest.mark.parametrize(
    ("command", "option"),
    [
        (run.command, "reason"),
        (preview.command, "reason"),
        (rollback.command, "reason"),
        (restore.command, "reason"),
        (promote.command, "reason"),
        (deployed.command, "evidence"),
        (recover.recover, "evidence"),
    ],
)
def test_reasons_and_evidence_with_bytes_that_are_not_utf_8_are_refused(
    command: click.Command, option: str
) -> None:
    (found,) = [one for one in command.params if one.name == option]
    assert found.type is RECORDED_TEXT
    assert RECORDED_TEXT.convert("für €", None, None) == "für €"
    with pytest.raises(click.BadParameter, match="not UTF-8"):
        RECORDED_TEXT.convert("f\udcfcr", None, None)
