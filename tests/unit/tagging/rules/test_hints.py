"""Hints of refused rules: each rule on the left is refused with the hint, and what the hint says to write is read."""

from __future__ import annotations

import pytest

from release.errors import ConfigError
from release.tagging.rules.images import flavor_from_config
from release.tagging.rules.parse import rules_from_config


@pytest.mark.parametrize(
    ("wrong", "hint", "right"),
    [
        ("type=ref,event=branches", "did you mean `branch`?", "type=ref,event=branch"),
        ("type=ref,event=x", "known are `branch`, `tag`, `pr`", "type=ref,event=pr"),
        ("type=raw,value={{version", "end it with `}}`", "type=raw,value={{version}}"),
        ("type=raw,value={{version", r"write `\{{` for two braces", r"type=raw,value=\{{version"),
        ("type=raw,value={{!-- why }}x", "end it with `--}}`", "type=raw,value={{!-- why --}}x"),
        (
            "type=raw,value={{date tz='UTC' 'YYYY'}}",
            "named ones last: `{{date 'YYYYMMDD' tz='UTC'}}`",
            "type=raw,value={{date 'YYYYMMDD' tz='UTC'}}",
        ),
        ("type=raw,value={{(date 'YYYY')}}", "a name first", "type=raw,value={{date 'YYYY'}}"),
        ("type=raw,value={{env/./NAME}}", "`{{env.NAME}}`", "type=raw,value={{env.NAME}}"),
        (r"type=match,pattern=v(\d", r"end it with `)`", r"type=match,pattern=v(\d)"),
        (r"type=match,pattern=v\d)", r"write `\)` for a parenthesis", r"type=match,pattern=v\d\)"),
        ("type=match,pattern=v[0-9", "end it with `]`", "type=match,pattern=v[0-9]"),
        ("type=match,pattern=v[9-0]", "write `0-9`", "type=match,pattern=v[0-9]"),
        ("type=match,pattern=*.1", r"write `\*`", r"type=match,pattern=\*.1"),
        ("type=match,pattern=v1\\", r"write `\\` for a backslash", r"type=match,pattern=v1\\"),
        ("type=match,pattern=/v{/u", r"write `\{`", r"type=match,pattern=/v\{/u"),
        (r"type=match,pattern=/\:/u", "write `:` without", "type=match,pattern=/:/u"),
        (
            r"type=match,pattern=/[\w-.]/u",
            r"`-` last in the brackets: `[\w.-]`",
            r"type=match,pattern=/[\w.-]/u",
        ),
        (r"type=match,pattern=/\p{L}/u", "a set such as `[A-Za-z]`", "type=match,pattern=/[A-Za-z]/u"),
        ("type=match,pattern=(?<n>a)(?<n>b)", "another name, or none", "type=match,pattern=(?<n>a)(b)"),
        (r"type=match,pattern=(?<n>a)\k<m>", "a name are: `n`", r"type=match,pattern=(?<n>a)\k<n>"),
        ("type=match,pattern=(?>a)", "`(?:…)`", "type=match,pattern=(?:a)"),
        ('type=match,"""pattern=a{3,1}"""', "write `{1,3}`", 'type=match,"""pattern=a{1,3}"""'),
    ],
)
def test_hint_of_a_refused_rule_says_what_to_write(wrong: str, hint: str, right: str) -> None:
    with pytest.raises(ConfigError) as caught:
        rules_from_config([wrong])
    assert hint in (caught.value.hint or "")
    rules_from_config([right])


@pytest.mark.parametrize(
    ("wrong", "hint", "right"),
    [
        ("latest=yes", "`auto`: rules with a version make `latest`", "latest=auto"),
        ("prefix=v,onlatest=1", "`true`: the prefix or suffix before it", "prefix=v,onlatest=true"),
        ("latests=true", "known are `latest`", "latest=true"),
    ],
)
def test_hint_of_a_refused_flavor_says_what_to_write(wrong: str, hint: str, right: str) -> None:
    with pytest.raises(ConfigError) as caught:
        flavor_from_config(wrong)
    assert hint in (caught.value.hint or "")
    flavor_from_config(right)
