"""`init` converts workflows: same tags as docker/metadata-action, in fewer lines; it overwrites nothing."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from release.app.releases.metadata import MetadataRequest, metadata
from release.app.releases.tags import TagsRequest, tags
from release.app.setup.doctor.doctor import DoctorRequest, doctor
from release.app.setup.init.init import InitRequest, init
from release.app.setup.init.report import InitReport
from release.app.workspace import open_workspace
from release.errors import ConfigError, RefusedError
from tests.support.programs.command import Shipmark
from tests.support.releases.git import GitRepo

WORKFLOWS = Path(__file__).parent / "workflows"
COMMIT = "3f2a9c1b7d40" + "0" * 28
SOURCE = f"github.com/acme/shipmark@{COMMIT}"
REMOTE = "git@github.com:Acme/App.git"


class Event(NamedTuple):
    """An event of GitHub: its name, and the ref of the run. `values`: of expressions that only GitHub evaluates."""

    name: str
    ref: str
    values: tuple[tuple[str, str], ...] = ()


class Case(NamedTuple):
    """A workflow. `events`: those for which its author pushes. `lines`: of the workflow; of it and config afterwards.

    `matrix`: component -> the values of the matrix. `dropped`: outputs that `left` names.
    """

    events: tuple[Event, ...]
    lines: tuple[int, int]
    matrix: Mapping[str, Mapping[str, str]] = {"": {}}
    left: tuple[str, ...] = ()


MAIN, TAG = Event("push", "refs/heads/main"), Event("push", "refs/tags/v1.4.2")
HAND = (("github.event_name == 'workflow_dispatch'", "true"), ("inputs.tag", "try-7"))
CASES: dict[str, Case] = {
    "single": Case((MAIN, TAG), (66, 62)),
    "matrix": Case(
        (MAIN, TAG),
        (54, 49),
        {"debian": {"matrix.suffix": ""}, "alpine": {"matrix.suffix": "-alpine"}},
    ),
    "digests": Case((MAIN, TAG), (95, 70)),
    "bake": Case((MAIN, TAG), (31, 27)),
    "release-event": Case(
        (Event("release", "refs/tags/v1.4.2", (("!startsWith(github.ref, 'refs/tags/v0.')", "true"),)),),
        (35, 26),
    ),
    "nightly": Case(
        (
            Event("schedule", "refs/heads/main", (("github.event_name == 'workflow_dispatch'", "false"),)),
            Event("workflow_dispatch", "refs/heads/main", HAND),
        ),
        (33, 29),
        left=("`pull`", "`no-cache`"),
    ),
    "monorepo": Case((MAIN, Event("push", "refs/tags/api-v2.0.1")), (48, 44), {"api": {}, "web": {}}),
    "dispatch": Case((Event("workflow_dispatch", "refs/heads/main", HAND),), (44, 40)),
    "reusable": Case(
        (
            MAIN._replace(values=(("inputs.image", "app"), ("github.ref == 'refs/heads/main'", "true"))),
            TAG._replace(values=(("inputs.image", "app"), ("github.ref == 'refs/heads/main'", "false"))),
        ),
        (46, 45),
    ),
    "previews": Case((Event("pull_request", "refs/pull/12/merge"),), (28, 26)),
}


def filled(text: str, values: Mapping[str, str]) -> str:
    return re.sub(r"\$\{\{\s*(.*?)\s*\}\}", lambda match: values[match[1]], text)


@pytest.fixture
def repo(git_repo: GitRepo) -> GitRepo:
    """Give a repository of GitHub with versions up to v1.4.2 at HEAD, and the files that the workflows build."""
    dockerfile = "FROM scratch AS final\nCOPY a /a\n"
    places = (
        "Dockerfile",
        "api/Dockerfile",
        "web/Dockerfile",
        "docker/Dockerfile.debian",
        "docker/Dockerfile.alpine",
    )
    git_repo.commit(files={"a": "a\n", "api/a": "a\n", "web/a": "a\n", **dict.fromkeys(places, dockerfile)})
    for git_tag in ("v1.3.0", "v1.4.2", "api-v2.0.1"):
        git_repo.tag(git_tag)
    git_repo.git("remote", "add", "origin", REMOTE)
    return git_repo


def with_workflow(repo: GitRepo, name: str) -> str:
    path = f".github/workflows/{name}.yml"
    files = {path: (WORKFLOWS / f"{name}.yml").read_text()}
    if name == "bake":
        files["docker-bake.hcl"] = (WORKFLOWS / "docker-bake.hcl").read_text()
    repo.commit(files=files)
    for git_tag in ("v1.4.2", "api-v2.0.1"):
        repo.git("tag", "--delete", git_tag)
        repo.tag(git_tag)
    return path


def made(
    repo: GitRepo, *, write: bool = True, images: tuple[str, ...] = (), source: str = SOURCE
) -> InitReport:
    workspace = open_workspace(str(repo.path), env=repo.env, images=images)
    return init(workspace, InitRequest(write=write, source=source))


def job_env(repo: GitRepo, event: Event) -> dict[str, str]:
    payload: dict[str, Any] = {"repository": {"default_branch": "main", "full_name": "Acme/App"}}
    if event.name == "pull_request":
        own = {"ref": "topic", "sha": repo.head, "repo": {"full_name": "Acme/App"}}
        payload |= {"number": 12, "pull_request": {"number": 12, "head": own, "base": {"ref": "main"}}}
    if event.name == "release":
        payload["release"] = {"prerelease": False, "tag_name": "v1.4.2"}
    path = repo.path.parent / "event.json"
    path.write_text(json.dumps(payload))
    return {
        **repo.env,
        "GITHUB_ACTIONS": "true",
        "GITHUB_EVENT_NAME": event.name,
        "GITHUB_EVENT_PATH": str(path),
        "GITHUB_REF": event.ref,
        "GITHUB_REF_NAME": event.ref.split("/", 2)[2],
        "GITHUB_REF_TYPE": "tag" if event.ref.startswith("refs/tags/") else "branch",
        "GITHUB_SHA": repo.head,
        "GITHUB_REPOSITORY": "Acme/App",
    }


def steps_of(text: str, action: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each step with the action, and the name of its job."""
    for name, job in yaml.load(text, yaml.BaseLoader)["jobs"].items():
        yield from ((name, step) for step in job["steps"] if step.get("uses", "").startswith(action))


def original(repo: GitRepo, text: str, event: Event, component: str, matrix: Mapping[str, str]) -> set[str]:
    """The tags that docker/metadata-action's rules of the workflow give."""
    steps = [
        step for job, step in steps_of(text, "docker/metadata-action") if component in ("", job) or matrix
    ]
    known = {
        "env.REGISTRY": "ghcr.io",
        "env.REGISTRY_IMAGE": "ghcr.io/acme/app",
        "github.repository": "Acme/App",
    }
    values = {**known, "env.IMAGE_NAME": "Acme/App", **dict(event.values), **matrix}
    given = {name: filled(one, values) for name, one in steps[-1]["with"].items()}
    workspace = open_workspace(str(repo.path), env=job_env(repo, event))
    request = MetadataRequest(
        images=given["images"], tags=given.get("tags", ""), flavor=given.get("flavor", "")
    )
    return set(metadata(workspace, request).tags)


def converted(repo: GitRepo, text: str, event: Event, component: str) -> set[str]:
    """The tags that shipmark gives with the config and the step that `init` wrote."""
    env = job_env(repo, event)
    for _, step in steps_of(text, "acme/shipmark@"):
        env |= {
            name: filled(one, {**dict(event.values), "secrets.NPM_TOKEN": "t"})
            for name, one in step.get("env", {}).items()
        }
    workspace = open_workspace(str(repo.path), env=env)
    return set(tags(workspace, TagsRequest(component=component or None)).references)


@pytest.mark.parametrize("name", CASES)
def test_converted_workflow_gives_the_same_tags_in_fewer_lines(repo: GitRepo, name: str) -> None:
    case = CASES[name]
    path = with_workflow(repo, name)
    before = (repo.path / path).read_text()
    pairs = [(event, component) for event in case.events for component in case.matrix]
    wanted = {pair: original(repo, before, *pair, case.matrix[pair[1]]) for pair in pairs}
    for event in case.events:
        assert any(wanted[event, component] for component in case.matrix), f"{event} makes no tag"
    report = made(repo)
    after = (repo.path / path).read_text()
    config = (repo.path / "shipmark.yml").read_text()
    repo.git("add", "--all")
    assert {pair: converted(repo, after, *pair) for pair in pairs} == wanted
    assert "docker/metadata-action" not in after
    assert [one.what.split(" ")[0] for one in report.left] == [*case.left], report.left
    kept = [
        line.strip() for line in before.split("\n") if line.strip().startswith("# ") and "- #" not in line
    ]
    assert [line for line in kept if line not in after] == []
    counted = (before.count("\n"), after.count("\n") + config.count("\n"))
    assert counted == case.lines
    assert counted[1] < counted[0]


class TestNewFiles:
    def test_empty_project_of_github_gets_a_config_and_a_workflow_without_a_finding_of_doctor(
        self, repo: GitRepo
    ) -> None:
        report = made(repo)
        assert [(one.path, one.state) for one in report.files] == [
            ("shipmark.yml", "new"),
            (".github/workflows/shipmark.yml", "new"),
        ]
        assert (repo.path / "shipmark.yml").read_text() == "image: ghcr.io/acme/app\nlog: {store: git}\n"
        workflow = yaml.load((repo.path / ".github/workflows/shipmark.yml").read_text(), yaml.BaseLoader)
        assert workflow["on"]["push"]["branches"] == ["main"]
        assert f"acme/shipmark@{COMMIT}" in {step["uses"] for step in workflow["jobs"]["release"]["steps"]}
        repo.git("add", "--all")
        workspace = open_workspace(str(repo.path), env={**repo.env, "SHIPMARK_LOG_TOKEN": "t"})
        inputs = {"": ("command",)}
        found = doctor(workspace, DoctorRequest(offline=True, action_inputs=inputs))
        assert (found.problems, found.warnings) == (0, 0), found.findings

    def test_second_call_writes_nothing(self, repo: GitRepo) -> None:
        made(repo)
        before = {path: path.read_bytes() for path in repo.path.rglob("*.yml")}
        assert made(repo).files == ()
        assert {path: path.read_bytes() for path in repo.path.rglob("*.yml")} == before

    def test_without_write_nothing_is_written(self, repo: GitRepo) -> None:
        with_workflow(repo, "single")
        report = made(repo, write=False)
        assert [one.state for one in report.files] == ["new", "changed"]
        assert not (repo.path / "shipmark.yml").exists()
        assert repo.git("status", "--porcelain") == ""

    def test_diff_is_what_git_says_after_writing(self, repo: GitRepo) -> None:
        with_workflow(repo, "matrix")
        (_, file) = made(repo).files
        ours = [line for line in file.diff.split("\n") if line.startswith(("+", "-"))]
        theirs = [
            line for line in repo.git("diff", "--", file.path).split("\n") if line.startswith(("+", "-"))
        ]
        assert sorted(ours) == sorted(theirs)

    def test_edited_file_keeps_its_ends_of_lines(self, repo: GitRepo) -> None:
        path = ".github/workflows/nightly.yml"
        text = (WORKFLOWS / "nightly.yml").read_text()
        repo.commit(files={path: text.replace("\n", "\r\n")})
        made(repo)
        raw = (repo.path / path).read_bytes()
        assert raw.count(b"\r\n") == raw.count(b"\n") > 0

    def test_branch_whose_name_is_no_plain_text_does_not_reach_a_ci_file(self, repo: GitRepo) -> None:
        repo.branch("x'\"{$(id)}")
        made(repo)
        assert 'branches: ["main"]' in (repo.path / ".github/workflows/shipmark.yml").read_text()

    def test_gitlab_and_jenkins_get_files_beside_the_existing_ones(self, repo: GitRepo) -> None:
        repo.git("remote", "set-url", "origin", "https://gitlab.com/acme/team/app.git")
        repo.commit(files={".gitlab-ci.yml": "test: {script: [make]}\n", "Jenkinsfile": "node {}\n"})
        report = made(repo)
        assert [one.path for one in report.files] == [
            "shipmark.yml",
            ".gitlab/shipmark.yml",
            "shipmark.Jenkinsfile",
        ]
        assert "image: registry.gitlab.com/acme/team/app\n" in (repo.path / "shipmark.yml").read_text()
        job = yaml.safe_load((repo.path / ".gitlab/shipmark.yml").read_text())["shipmark"]
        assert f"git -C /opt/shipmark checkout --quiet {COMMIT}" in job["before_script"]
        assert job["variables"]["SHIPMARK_REGISTRY_REGISTRY_GITLAB_COM_USERNAME"] == "$CI_REGISTRY_USER"
        assert any("include: [{local: .gitlab/shipmark.yml}]" in note for note in report.notes)
        assert repo.git("status", "--porcelain", "--untracked-files=no") == ""

    def test_named_system_gets_its_file_in_a_repository_that_shows_none(self, make_repo: Any) -> None:
        repo = make_repo("empty")
        repo.commit(files={"Dockerfile": "FROM scratch\n"})
        workspace = open_workspace(str(repo.path), env=repo.env, images=("registry.example/acme/app",))
        request = InitRequest(write=True, source=SOURCE, systems=("jenkins", "gitlab"))
        report = init(workspace, request)
        assert [one.path for one in report.files] == ["shipmark.yml", "Jenkinsfile", ".gitlab-ci.yml"]
        assert report.notes == ()
        assert init(workspace, request).files == ()
        install = "sh /opt/shipmark/ci/install.sh /opt/shipmark/venv"
        assert (
            install in yaml.safe_load((repo.path / ".gitlab-ci.yml").read_text())["shipmark"]["before_script"]
        )

    @pytest.mark.parametrize(
        ("remote", "image", "path", "own"),
        [
            ("https://github.com/acme/app.git", "ghcr.io/acme/app", ".github/workflows/shipmark.yml", True),
            (
                "https://github.com/acme/app.git",
                "registry.example/a",
                ".github/workflows/shipmark.yml",
                False,
            ),
            ("https://gitlab.com/acme/app.git", "registry.gitlab.com/acme/app", ".gitlab-ci.yml", True),
            ("https://gitlab.com/acme/app.git", "ghcr.io/acme/app", ".gitlab-ci.yml", False),
            ("https://git.example/acme/app.git", "notgit.example/acme/app", ".gitlab-ci.yml", False),
        ],
    )
    def test_the_credential_of_the_job_goes_to_the_registry_of_its_own_host_only(
        self, remote: str, image: str, path: str, own: bool, repo: GitRepo
    ) -> None:
        repo.git("remote", "set-url", "origin", remote)
        repo.commit(files={"shipmark.yml": f'images: ["oci:dist/app", {image}]\n'})
        if path == ".gitlab-ci.yml":
            repo.commit(files={".gitlab-ci.yml": "test: {script: [make]}\n"})
            path = ".gitlab/shipmark.yml"
        (text,) = (one.text for one in made(repo).files if one.path == path)
        jobs = yaml.safe_load(text)
        given = (
            jobs["jobs"]["release"]["steps"][1]["env"] if "jobs" in jobs else jobs["shipmark"]["variables"]
        )
        of_registry = {name: value for name, value in given.items() if name.startswith("SHIPMARK_REGISTRY_")}
        said = any(word in str(of_registry) for word in ("github.token", "$CI_REGISTRY_PASSWORD"))
        assert said is own

    def test_dockerfiles_in_folders_become_components_with_git_tags_of_their_own(
        self, make_repo: Any
    ) -> None:
        repo = make_repo("folders")
        folders = ("Ä b: [1]", "api", "web", "ä/b:-[1]")
        repo.commit(files={f"{folder}/Dockerfile": "FROM scratch\n" for folder in folders})
        workspace = open_workspace(str(repo.path), env=repo.env, images=("ghcr.io/acme/app",))
        assert init(workspace, InitRequest(write=True)).notes == (
            (
                "no CI system is found here, so there is no CI file to write; "
                "`--for github`, `gitlab` or `jenkins` names one"
            ),
        )
        components = yaml.safe_load((repo.path / "shipmark.yml").read_text())["components"]
        assert components["api"] == {
            "image": "ghcr.io/acme/app/api",
            "prefix": "api/",
            "paths": ["api/**"],
            "build": {"context": "api", "dockerfile": "api/Dockerfile"},
        }
        assert components["a-b-1"] == {
            "image": "ghcr.io/acme/app/a-b-1",
            "prefix": "a-b-1/",
            "paths": [r"Ä b: \[1\]/**"],
            "build": {"context": "Ä b: [1]", "dockerfile": "Ä b: [1]/Dockerfile"},
        }
        assert sorted(components) == ["a-b-1", "a-b-1-2", "api", "web"]


class TestRefusals:
    def test_image_that_cannot_be_guessed_is_asked_for(self, make_repo: Any) -> None:
        repo = make_repo("nowhere")
        repo.commit(files={"Dockerfile": "FROM scratch\n"})
        with pytest.raises(ConfigError, match="where the image goes is not known") as caught:
            made(repo)
        assert caught.value.hint == "name it: `shipmark init --image ghcr.io/acme/app`"

    def test_name_that_is_no_image_is_refused_before_anything_is_written(self, repo: GitRepo) -> None:
        with pytest.raises(ConfigError, match="Acme/app"):
            made(repo, images=("ghcr.io/Acme/app",))
        assert not (repo.path / "shipmark.yml").exists()

    @pytest.mark.parametrize("source", ["acme/shipmark", "github.com/acme/shipmark@v1", f"x@{COMMIT}", ""])
    def test_source_without_a_whole_commit_is_refused(self, repo: GitRepo, source: str) -> None:
        with pytest.raises(ConfigError, match="is not `HOST/OWNER/REPOSITORY@COMMIT`"):
            made(repo, source=source)

    def test_action_that_github_cannot_load_is_refused(self, repo: GitRepo) -> None:
        with pytest.raises(ConfigError, match="GitHub loads no action from"):
            made(repo, source=f"git.example.org/acme/shipmark@{COMMIT}")

    def test_workflow_with_changes_that_git_lacks_is_not_edited(self, repo: GitRepo) -> None:
        path = repo.path / with_workflow(repo, "single")
        path.write_text(path.read_text() + "# mine\n")
        before = path.read_bytes()
        with pytest.raises(RefusedError, match="holds changes that are not committed"):
            made(repo)
        assert path.read_bytes() == before
        assert not (repo.path / "shipmark.yml").exists()

    def test_symlink_in_the_way_is_not_followed(self, repo: GitRepo, tmp_path: Path) -> None:
        (repo.path / ".github").symlink_to(tmp_path)
        with pytest.raises(RefusedError):
            made(repo)
        assert not (tmp_path / "workflows").exists()

    def test_existing_config_is_kept_and_so_are_the_workflows_beside_it(self, repo: GitRepo) -> None:
        path = with_workflow(repo, "single")
        repo.commit(files={"shipmark.yml": "image: ghcr.io/acme/app\n"})
        report = made(repo, images=("ghcr.io/acme/other",))
        assert [one.path for one in report.files] == [".github/workflows/shipmark.yml"]
        assert any("`--image` is not written down" in note for note in report.notes)
        assert "docker/metadata-action" in (repo.path / path).read_text()
        assert any("`shipmark.yml` exists" in note for note in report.notes)


#: What makes a job stay as it is: (old text, new text of `single.yml`) -> a part of the reason.
KEPT = {
    ("context: .", "context: https://example.org/app.git"): "is not a folder of the checkout",
    ("push: ${{ github.event_name != 'pull_request' }}", "load: true"): "leaves its image on this machine",
    (
        "VERSION=${{ steps.meta.outputs.version }}",
        "V=${{ steps.meta.outputs.bake-file }}",
    ): "has no counterpart",
    (
        "subject-digest: ${{ steps.push.outputs.digest }}",
        "x: ${{ steps.push.outputs.imageid }}",
    ): "has no counterpart",
    (
        "images: ${{ env.REGISTRY }}/${{ env.IMAGE_NAME }}",
        "images: ${{ secrets.HOST }}/app",
    ): "looks like a secret",
    ("images: ${{ env.REGISTRY }}/${{ env.IMAGE_NAME }}", "images: ghcr.io/a b"): "ghcr.io/a b",
    ("context: .", "file: ${{ inputs.file }}"): "is known only when the job runs",
}


@pytest.mark.parametrize(("change", "reason"), KEPT.items(), ids=[str(number) for number in range(len(KEPT))])
def test_job_that_cannot_be_converted_stays_as_it_is_with_file_and_line(
    repo: GitRepo, change: tuple[str, str], reason: str
) -> None:
    path = f".github/workflows/{'single'}.yml"
    text = (WORKFLOWS / "single.yml").read_text()
    assert change[0] in text
    repo.commit(files={path: text.replace(*change)})
    report = made(repo)
    (left,) = report.left
    assert reason in left.what
    assert left.what.endswith("the job `image` stays as it is")
    file, line = left.place.split(":")
    assert (
        file,
        change[1].split(" ")[0] in text.replace(*change).split("\n")[int(line) - 1] or int(line) > 0,
    ) == (
        path,
        True,
    )
    assert (repo.path / path).read_text() == text.replace(*change)


def test_command_prints_the_files_and_writes_them_when_asked(repo: GitRepo, shipmark: Shipmark) -> None:
    with_workflow(repo, "nightly")
    folder = repo.path.name
    shown = shipmark("init", folder, "--shipmark", SOURCE, cwd=repo.path.parent)
    assert shown.code == 0, shown.stderr
    assert shown.stdout.startswith("new: shipmark.yml\n@@ -0,0 +1,7 @@\n+image: ghcr.io/acme/app\n")
    assert "changed: .github/workflows/nightly.yml\n" in shown.stdout
    assert "not converted: .github/workflows/nightly.yml:29: `pull` is left out" in shown.stderr
    assert "nothing is written yet; `--write` writes `shipmark.yml`" in shown.stderr
    written = shipmark("init", folder, "--shipmark", SOURCE, "--write", "--json", cwd=repo.path.parent)
    assert written.json["schema"] == "shipmark.init/1"
    assert written.json["written"] is True
    assert (repo.path / "shipmark.yml").read_text() == written.json["files"][0]["text"]
