"""`config check` finds what else only some commands would refuse."""

from __future__ import annotations

from pathlib import Path

import pytest

from release.app.setup.check_config import check_config
from release.app.workspace import open_workspace
from release.errors import ReleaseError


@pytest.mark.parametrize(
    ("text", "message", "code"),
    [
        ("build: {platforms: [linux]}", "`linux` is not a platform", 4),
        ("checks: [{name: a, run: [x]}, {name: a, run: [y]}]", "two checks called `a`", 2),
        ("retention: {delete: [{match: x, older_than: 3 days}]}", "`3 days` is not a span of time", 2),
        ("retention: {delete: [{pattern: '('}]}", "`(` is not a regular expression", 2),
        ("retention: {delete: [{match: x}], in_use: [{}]}", "`retention.in_use[0]` names no source", 2),
        ("retention: {delete: [{match: x}], trash: {repository: t, keep: soon}}", "`soon` is not a span", 2),
        ("retention: {delete: [{match: x}], trash: r.example/t}", "is not in `docker.io`", 2),
        ("build: {foreign_binaries: ['[']}", "`[` is not a pattern", 4),
        ("log: {store: sql, url: 'mysql://x/y'}", "names a `mysql` database", 2),
        ("build: {cache_from: [registry]}", "`registry` is not understood", 4),
        ("build: {cache_to: ['type=gha,modus=max']}", "`type=gha,modus=max` is not understood", 4),
        ("build: {secrets: ['id=a,variable=B']}", "`id=a,variable=B` is not understood", 4),
        ("build: {ssh: ['a b']}", "`a b` is not understood", 4),
        ("build: {args: {A=B: c}}", "`A=B` is not the name of a build argument", 2),
        ("build: {args: {'': c}}", "`` is not the name of a build argument", 2),
        ("tags: ['type=ref']", "`type=ref` needs `event`", 2),
    ],
)
def test_config_check_finds_what_a_release_or_a_prune_would_refuse(
    tmp_path: Path, text: str, message: str, code: int
) -> None:
    file = tmp_path / "shipmark.yml"
    file.write_text(f"image: a/b\n{text}\n")
    with pytest.raises(ReleaseError) as caught:
        check_config(open_workspace(str(tmp_path), env={}))
    assert message in caught.value.message
    assert (caught.value.exit_code, bool(caught.value.hint)) == (code, True)
    file.write_text(
        "image: a/b\nlog: {store: sql, url: 'sqlite:///x'}\nretention: {delete: [{match: x}]}\n"
        "build: {secrets: ['id=a,env=B'], ssh: [default], cache_from: [type=gha]}\n"
        "checks: [{name: a, run: [x, '{{image}}', '{{.Architecture}}', '{{json .}}']}]\n"
    )
    assert check_config(open_workspace(str(tmp_path), env={})).components == 1
