"""Quick commands import few modules, since every call in every CI job takes the time of these imports."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.programs.command import Shipmark
from tests.support.releases.git import GitRepo
from tests.support.releases.project import FILES

_PROGRAM = """
import json, sys
from release.cli.main import run
code = run(sys.argv[1:])
print(json.dumps([code, sorted(sys.modules)]), file=sys.stderr)
"""
#: Prints whether the planner was imported before the first target was opened.
_ORDER = """
import sys
from release.cli.main import run
from release.registry.registries import RegistryPool
opened, real = [], RegistryPool.open
RegistryPool.open = lambda *given: opened.append("release.app.releases.run" in sys.modules) or real(*given)
code = run(sys.argv[1:])
print([code, opened[0]], file=sys.stderr)
"""
#: From outside the standard library. `typing_extensions` comes with msgspec where something else installed it.
_ALLOWED = frozenset({"click", "msgspec", "yaml", "_yaml", "semver", "release", "ci", "typing_extensions"})
_HEAVY = frozenset({"ssl", "asyncio", "email", "importlib.metadata"})
#: What `tags` has no use for where neither a config file nor a log says more, each with a module or package of ours.
_NOT_FOR_TAGS = (
    "release.app.releases.standings",
    "release.config.overlay",
    "release.config.path_globs",
    "release.config.requires",
    "release.config.untrusted",
    "release.git.remote",
    "release.log",
    "release.plan.model",
    "release.registry",
    "release.runner",
    "release.task_group",
)
#: What a question to a short log file has no use for.
_NOT_FOR_QUESTIONS = (
    "release.effects",
    "release.git.snapshot",
    "release.layout",
    "release.log.catalog.index",
    "release.plan",
    "release.registry",
    "release.runner",
    "sqlite3",
    "urllib3",
)
#: What a run that finds every step done has no use for.
_NOT_FOR_NOTHING_TO_DO = (
    "release.app.obtain.supplied",
    "release.app.releases.unrecorded",
    "release.build.buildah",
    "release.build.buildkit",
    "release.build.dockerfile",
    "release.build.embedded",
    "release.docker",
    "release.effects.assemble",
    "release.effects.attest",
    "release.effects.retention",
    "release.log.catalog.index",
    "release.registry.repository",
    "release.tagging.expressions",
    "release.transfer.copy_referrers",
    "release.transfer.referrers",
    "release.transfer.statement_artifacts",
    "urllib3",
)


#: What carries builds out, which a preview has no use for.
_BUILDS = (
    "release.build.buildkit.building",
    "release.build.embedded.building",
    "release.build.embedded.stages",
)
#: What a build by `layers` has no use for.
_OTHER_BUILDERS = ("release.build.buildah", "release.build.buildkit", "release.build.docker", "docker")


def modules_after(repo: GitRepo, *args: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-I", "-c", _PROGRAM, *args],
        cwd=repo.path,
        env=repo.env,
        capture_output=True,
        text=True,
        check=True,
    )
    code, names = json.loads(done.stderr.splitlines()[-1])
    assert code == 0
    return set(names)


@pytest.fixture
def tagged(git_repo: GitRepo) -> GitRepo:
    """Give a repository with a config file and a version tag at HEAD."""
    config = "image: ghcr.io/acme/app\nbuild: {args: {VERSION: '{{version}}'}}\n"
    git_repo.commit("first", files={**FILES, "shipmark.yml": config})
    git_repo.tag("v1.0.0")
    return git_repo


def foreign(names: set[str]) -> set[str]:
    """Return the top-level packages from outside of the standard library, without Cython's runtime (of PyYAML).

    `sitecustomize` is left out, since the machine's Python may have one, as on Debian.
    """
    tops = {name.partition(".")[0] for name in names}
    ours = (
        "__main__",
        "__editable__",
        "_distutils",
        "_cython",
        "cython_runtime",
        "_virtualenv",
        "sitecustomize",
    )
    return {top for top in tops if top not in sys.stdlib_module_names and not top.startswith(ours)}


@pytest.mark.parametrize("args", [("--help",), ("tags",), ("tags", "--json"), ("version",), ("ci",)])
def test_quick_commands_import_only_allowed_packages(tagged: GitRepo, args: tuple[str, ...]) -> None:
    names = modules_after(tagged, *args)
    assert foreign(names) <= _ALLOWED
    assert not names & _HEAVY


def loaded_below(names: set[str], packages: tuple[str, ...]) -> list[str]:
    """Return those of `names` that are one of `packages` or lie in it."""
    return sorted(name for name in names if any(f"{name}.".startswith(f"{one}.") for one in packages))


def test_tags_import_nothing_that_only_other_commands_need(git_repo: GitRepo) -> None:
    git_repo.commit("first", files=FILES)
    git_repo.tag("v1.0.0")
    assert loaded_below(modules_after(git_repo, "tags"), _NOT_FOR_TAGS) == []
    assert (
        loaded_below(modules_after(git_repo, "version"), (*_NOT_FOR_TAGS, "release.tagging.expressions"))
        == []
    )


def test_program_loads_nothing_that_only_help_and_other_options_need(git_repo: GitRepo) -> None:
    git_repo.commit("first", files=FILES)
    start = "from release.cli.entry import main; main()"
    done = subprocess.run(
        [sys.executable, "-I", "-X", "importtime", "-c", start, "tags"],
        cwd=git_repo.path,
        env=git_repo.env,
        capture_output=True,
        text=True,
        check=True,
    )
    names = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    # msgspec imports `typing_extensions`, which uses `inspect`, where something else has installed it.
    needless = {"gettext", "platform", "textwrap"} | (set() if "typing_extensions" in names else {"inspect"})
    assert names & needless == set()
    assert "click.core" in names


def test_run_with_nothing_to_do_and_a_question_to_its_log_import_what_they_use(git_repo: GitRepo) -> None:
    config = "image: oci:dist/image\nbuild: {builder: layers}\n"
    ignored = "dist/\n.shipmark/\n"
    git_repo.commit("first", files={**FILES, "shipmark.yml": config, ".gitignore": ignored})
    git_repo.tag("v1.0.0")
    assert loaded_below(modules_after(git_repo, "run"), _OTHER_BUILDERS) == []
    assert loaded_below(modules_after(git_repo, "run"), _NOT_FOR_NOTHING_TO_DO) == []
    assert loaded_below(modules_after(git_repo, "log", "list"), _NOT_FOR_QUESTIONS) == []
    assert loaded_below(modules_after(git_repo, "log", "history", "1.0.0"), _NOT_FOR_QUESTIONS) == []


def test_builders_are_tried_without_the_docker_sdk_if_no_daemon_listens(git_repo: GitRepo) -> None:
    git_repo.commit("first", files={**FILES, "shipmark.yml": "image: oci:dist/image\n"})
    git_repo.tag("v1.0.0")
    git_repo.env["DOCKER_HOST"] = "unix:///nowhere"
    names = modules_after(git_repo, "preview")
    assert {"release.docker.engine", "release.build.embedded.builder"} <= names
    assert loaded_below(names, ("docker", "requests", "urllib3", *_BUILDS)) == []


@pytest.mark.parametrize("command", ["preview", "run"])
def test_targets_are_connected_to_before_the_planner_is_imported(git_repo: GitRepo, command: str) -> None:
    git_repo.commit(
        "first", files={**FILES, "shipmark.yml": "image: oci:dist/image\nbuild: {builder: layers}\n"}
    )
    git_repo.tag("v1.0.0")
    argv = [sys.executable, "-I", "-c", _ORDER, command]
    done = subprocess.run(
        argv, cwd=git_repo.path, env=git_repo.env, capture_output=True, text=True, check=True
    )
    assert done.stderr.splitlines()[-1] == "[0, False]"


@pytest.mark.parametrize("args", [(), ("run",), ("log",), ("cache", "clean")], ids=" ".join)
def test_help_is_plain_text_if_stdout_is_a_pipe(shipmark: Shipmark, args: tuple[str, ...]) -> None:
    result = shipmark(*args, "--help")
    assert result.code == 0
    assert result.stdout.startswith("Usage: shipmark ")
    assert "\n\nOptions:\n" in result.stdout


def test_command_tags_imports_neither_docker_nor_an_http_client(tagged: GitRepo) -> None:
    names = modules_after(tagged, "tags", "--json")
    assert not names & {"docker", "urllib3", "git", "rich", "requests", "http.client"}
    assert "release.registry.repository" not in names


def test_repository_that_is_not_deleted_from_loads_no_way_of_deleting() -> None:
    program = "import sys, release.registry.repository; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-I", "-c", program], capture_output=True, text=True, check=True)
    assert loaded_below(set(done.stdout.split()), ("release.registry.deletion", "release.oci.deletion")) == []


def test_installed_modules_have_compiled_bytecode() -> None:
    """Without compiled bytecode the same command takes three times as long."""
    import release.cli.main as main

    assert main.__spec__ is not None
    assert main.__spec__.cached is not None
    assert Path(main.__spec__.cached).exists()
