"""What `preview` and `run` are asked, and what the options need."""

from __future__ import annotations

import msgspec
import pytest

from release.app.releases.request import RunRequest, require_said
from release.errors import ConfigError
from release.log.records.attempt_kinds import Planned
from release.versions.semver import parse


@pytest.mark.parametrize("reason", [None, "", " ", "\t\n"])
def test_a_reason_of_blanks_is_none(reason: str | None) -> None:
    for asked in (RunRequest(allow_backward=True, reason=reason), RunRequest(as_commit=True, reason=reason)):
        with pytest.raises(ConfigError, match="needs a reason"):
            asked.require_reason()
    with pytest.raises(ConfigError, match="`rollback` needs a reason") as caught:
        require_said(reason, "`rollback`")
    assert caught.value.hint == 'add `--reason "..."`'
    require_said("it eats data", "`rollback`")


def test_the_type_of_planned_records_has_each_option_that_a_run_records() -> None:
    request = RunRequest(
        version=parse("1.4.2"),
        release="v1.4.2",
        rebuild_of="v1.4.2",
        rebuild=1,
        reason="why",
        allow_backward=True,
        places=("oci:x",),
        as_commit=True,
    )
    assert request.request.keys() <= {one.encode_name for one in msgspec.structs.fields(Planned)}
