"""What `preview` and `run` are asked, and what the options need."""

from __future__ import annotations

import pytest

from release.app.releases.request import RunRequest, require_said
from release.errors import ConfigError


@pytest.mark.parametrize("reason", [None, "", " ", "\t\n"])
def test_a_reason_of_blanks_is_none(reason: str | None) -> None:
    for asked in (RunRequest(allow_backward=True, reason=reason), RunRequest(as_commit=True, reason=reason)):
        with pytest.raises(ConfigError, match="needs a reason"):
            asked.require_reason()
    with pytest.raises(ConfigError, match="`rollback` needs a reason") as caught:
        require_said(reason, "`rollback`")
    assert caught.value.hint == 'add `--reason "..."`'
    require_said("it eats data", "`rollback`")
