"""The options of `build:` that only BuildKit has: the texts that the programs get, paths and errors."""

from __future__ import annotations

from typing import Any

import pytest

from release.build.extras.build_secrets import require_agents
from release.build.extras.options import extras_of
from release.build_spec import BuildSpec
from release.errors import BuildError

ENV = {"TOKEN": "t", "SSH_AUTH_SOCK": "/agent", "ACTIONS_RUNTIME_TOKEN": "t"}


@pytest.mark.parametrize(
    ("options", "made"),
    [
        ({"secrets": ("id=a,env=TOKEN",)}, ["id=a,env=TOKEN"]),
        ({"secrets": ("type=file,id=a,source=x",)}, ["id=a,src=/root/x"]),
        ({"secrets": ("id=a,src=/abs/x",)}, ["id=a,src=/abs/x"]),
        ({"ssh": ("default",)}, ["default"]),
        ({"ssh": ("a=sock,/b",)}, ["a=/root/sock,/b"]),
        ({"cache_from": ("type=registry,ref=a/b:c",)}, ["type=registry,ref=a/b:c"]),
        ({"cache_from": ("type=local,src=c",)}, ["type=local,src=/root/c"]),
        ({"cache_to": ("type=local,dest=../c,mode=max",)}, ["type=local,dest=/c,mode=max"]),
        ({"cache_to": ("type=gha,scope=x,mode=max",)}, ["type=gha,scope=x,mode=max"]),
    ],
)
def test_paths_in_buildkit_options_become_absolute(options: dict[str, Any], made: list[str]) -> None:
    extras = extras_of(BuildSpec(**options), "/root", ENV)
    secrets = [secret.option for secret in extras.secrets]
    assert [*secrets, *extras.ssh, *extras.cache_from, *extras.cache_to] == made


@pytest.mark.parametrize(
    ("options", "hint"),
    [
        ({"secrets": ("a",)}, "write it as `KEY=VALUE,KEY=VALUE`"),
        ({"secrets": ("id=a,env=TOKEN,uid=0",)}, "write `id=NAME,env=VARIABLE` or `id=NAME,src=FILE`"),
        ({"secrets": ("id=../a,env=TOKEN",)}, "write `id=NAME,env=VARIABLE` or `id=NAME,src=FILE`"),
        ({"secrets": ("type=env,id=a,src=x",)}, "write `id=NAME,env=VARIABLE` or `id=NAME,src=FILE`"),
        ({"ssh": ("-x",)}, "write `default`, or `ID=SOCKET`"),
        ({"cache_from": ("acme/cache",)}, "write it as `KEY=VALUE,KEY=VALUE`"),
        ({"cache_from": ("ref=acme/cache",)}, "begin it with `type=`: `registry`, `local`, `gha`"),
        ({"cache_from": ("type=local",)}, "add `src=…`"),
        ({"cache_to": ("type=local,src=x",)}, "add `dest=…`"),
        ({"cache_to": ("type=registry,mode=max",)}, "add `ref=…`"),
        (
            {"cache_to": ("type=gha,token=abc",)},
            "`type=gha` has no `token` here; credentials come from the environment",
        ),
        ({"contexts": {"context": "x"}}, "use lower-case letters, digits, `.`, `_`, `-`, `/`; not `context`"),
        ({"contexts": {"A B": "x"}}, "use lower-case letters"),
    ],
)
def test_invalid_buildkit_option_is_an_error_with_a_hint(options: dict[str, Any], hint: str) -> None:
    with pytest.raises(BuildError) as caught:
        extras_of(BuildSpec(**options), "/root", ENV)
    assert str(caught.value.hint).startswith(hint)
    assert f"`build: {{{next(iter(options))}: …}}`" in str(caught.value)


def test_missing_secret_variable_or_ssh_agent_is_a_build_error() -> None:
    with pytest.raises(BuildError, match="the variable `NONE`"):
        extras_of(BuildSpec(secrets=("id=a,env=NONE",)), "/root", {})
    with pytest.raises(BuildError, match="SSH_AUTH_SOCK"):
        extras_of(BuildSpec(ssh=("default",)), "/root", {})
    require_agents(("default", "a=/dev/null"))
    with pytest.raises(BuildError, match=r"`/none\.sock` of `a` does not exist"):
        require_agents(("a=/dev/null,/none.sock",))


def test_cache_of_type_gha_is_skipped_outside_of_github_runners() -> None:
    spec = BuildSpec(cache_from=("type=gha", "type=local,src=c"), cache_to=("type=gha,mode=max",))
    extras = extras_of(spec, "/root", {})
    assert (extras.cache_from, extras.cache_to) == (("type=local,src=/root/c",), ())
    assert extras.skipped == ("type=gha", "type=gha,mode=max")


def test_named_context_is_a_folder_unless_it_is_an_image_or_url() -> None:
    given = {"a": "lib", "b": "docker-image://alpine", "c": "https://example.org/x.git"}
    extras = extras_of(BuildSpec(contexts=given), "/root", {})
    assert extras.folders == {"a": "lib"}
    assert extras.contexts == {"b": "docker-image://alpine", "c": "https://example.org/x.git"}
