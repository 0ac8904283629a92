"""`shipmark metadata` as a replacement of docker/metadata-action: in CI, in a clone, and without both."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.support.programs.command import Shipmark
from tests.support.releases.git import GitRepo

SHA = "860c1904a1ce19322e91ac35af1ab07466440c37"

RULES = """\
type=semver,pattern={{version}}
type=semver,pattern={{major}}.{{minor}}
type=semver,pattern={{major}}
type=ref,event=branch
"""


def github(ref: str, sha: str = SHA, **more: str) -> dict[str, str]:
    return {
        "GITHUB_ACTIONS": "true",
        "GITHUB_EVENT_NAME": "push",
        "GITHUB_REF": ref,
        "GITHUB_SHA": sha,
        "GITHUB_REPOSITORY": "acme/app",
        "GITHUB_SERVER_URL": "https://github.com",
        **more,
    }


@pytest.fixture
def clone(git_repo: GitRepo) -> GitRepo:
    """Give a clone with v2.0.0, and with v1.3.9, which was tagged later, checked out."""
    git_repo.commit(message="one")
    git_repo.tag("v1.3.8")
    git_repo.commit(message="two")
    git_repo.tag("v2.0.0")
    git_repo.git("checkout", "--quiet", "-b", "release/1.3", "v1.3.8")
    git_repo.commit(message="fix")
    git_repo.tag("v1.3.9")
    return git_repo


class TestInTheActionsPlace:
    def test_metadata_reads_inputs_from_the_runners_variables(
        self, shipmark: Shipmark, tmp_path: Path
    ) -> None:
        event = tmp_path / "event.json"
        event.write_text(
            json.dumps(
                {
                    "repository": {
                        "name": "app",
                        "description": "An app",
                        "html_url": "https://github.com/acme/app",
                        "default_branch": "main",
                        "license": {"spdx_id": "MIT"},
                    },
                    "head_commit": {"id": SHA, "timestamp": "2022-04-19T11:27:24+02:00"},
                }
            )
        )
        env = github(
            "refs/tags/v1.2.3",
            GITHUB_EVENT_PATH=str(event),
            INPUT_IMAGES="ghcr.io/Acme/App\n  # a comment\nacme/app",
            INPUT_TAGS=RULES + "type=raw,value={{commit_date 'YYYYMMDD-HHmmss'}}",
            INPUT_LABELS="a={{tag}}",
            SOURCE_DATE_EPOCH="1578616200",
        )
        done = shipmark("metadata", env=env)
        warned = "`1.2`, `1`, `latest` may go backwards: there is no git repository here"
        assert (done.code, done.stderr) == (0, f"warning: {warned}, so other releases are not known\n")
        names = ["1.2.3", "1.2", "1", "20220419-092724", "latest"]
        assert done.json["tag-names"] == names
        assert done.json["tags"] == [
            f"{image}:{name}" for image in ("ghcr.io/acme/app", "acme/app") for name in names
        ]
        assert done.json["labels"] == {
            "a": "v1.2.3",
            "org.opencontainers.image.created": "2020-01-10T00:30:00.000Z",
            "org.opencontainers.image.description": "An app",
            "org.opencontainers.image.licenses": "MIT",
            "org.opencontainers.image.revision": SHA,
            "org.opencontainers.image.source": "https://github.com/acme/app",
            "org.opencontainers.image.title": "app",
            "org.opencontainers.image.url": "https://github.com/acme/app",
            "org.opencontainers.image.version": "1.2.3",
        }

    def test_source_date_epoch_sets_the_time_of_labels_and_not_of_tags(self, shipmark: Shipmark) -> None:
        env = github(
            "refs/heads/main",
            GITHUB_EVENT_NAME="schedule",
            INPUT_IMAGES="a/b",
            INPUT_TAGS="type=schedule,pattern={{date 'YYYY'}}\ntype=raw,value=on-{{date 'YYYY'}}",
            INPUT_FLAVOR="suffix=-{{date 'YYYY'}}",
            INPUT_LABELS="on={{date 'YYYY'}}",
            INPUT_ANNOTATIONS="on={{date 'YYYY'}}",
            SOURCE_DATE_EPOCH="0",
        )
        found = shipmark("metadata", env=env).json
        years = {name[-4:] for name in found["tag-names"]} | {name[-9:-5] for name in found["tag-names"]}
        assert len(found["tag-names"]) == 2
        assert "1970" not in years
        assert all(year.isdecimal() for year in years)
        assert found["labels"]["on"] == "1970"
        assert found["labels"]["org.opencontainers.image.created"] == "1970-01-01T00:00:00.000Z"
        assert "manifest:on=1970" in found["annotations"]

    def test_metadata_options_override_variables_and_may_be_repeated(self, shipmark: Shipmark) -> None:
        env = github("refs/heads/main", INPUT_TAGS="type=raw,env", INPUT_IMAGES="a/b")
        done = shipmark(
            "metadata", "--tags", "type=raw,one\ntype=raw,two", "--tags", "type=raw,three", "--output", "tags",
            "--sep-tags", ",", env=env,
        )  # fmt: skip
        assert done.stdout == "a/b:one,a/b:two,a/b:three\n"

    def test_metadata_writes_every_output_to_github_output(self, shipmark: Shipmark, tmp_path: Path) -> None:
        output, environment = tmp_path / "output", tmp_path / "environment"
        env = github(
            "refs/heads/main",
            GITHUB_OUTPUT=str(output),
            GITHUB_ENV=str(environment),
            RUNNER_TEMP=str(tmp_path / "temp"),
            INPUT_IMAGES="a/b",
        )
        done = shipmark("metadata", "--github-output", env=env)
        assert done.code == 0
        written = _read_outputs(output)
        assert written["version"] == "main"
        assert written["tags"] == "a/b:main"
        assert json.loads(written["json"]) == done.json
        bake = json.loads(Path(written["bake-file"]).read_text())
        assert bake["target"]["docker-metadata-action"]["tags"] == ["a/b:main"]
        assert _read_outputs(environment)["DOCKER_METADATA_OUTPUT_TAG_NAMES"] == "main"

    def test_metadata_does_not_write_github_env_if_a_variable_disables_it(
        self, shipmark: Shipmark, tmp_path: Path
    ) -> None:
        environment = tmp_path / "environment"
        env = github(
            "refs/heads/main",
            GITHUB_OUTPUT=str(tmp_path / "output"),
            GITHUB_ENV=str(environment),
            DOCKER_METADATA_SET_OUTPUT_ENV="false",
        )
        assert shipmark("metadata", "--github-output", env=env).code == 0
        assert not environment.exists()

    def test_metadata_writes_bake_files_to_the_chosen_folder(
        self, shipmark: Shipmark, tmp_path: Path
    ) -> None:
        env = github("refs/heads/main", INPUT_IMAGES="a/b")
        assert (
            shipmark("metadata", "--bake-dir", "bake", "--bake-target", "app", cwd=tmp_path, env=env).code
            == 0
        )
        kinds = ["", "-annotations", "-labels", "-tags"]
        names = [f"docker-metadata-action-bake{kind}.json" for kind in kinds]
        assert sorted(path.name for path in (tmp_path / "bake").iterdir()) == sorted(names)
        tags = json.loads((tmp_path / "bake" / "docker-metadata-action-bake-tags.json").read_text())
        assert tags == {
            "target": {
                "app": {
                    "tags": ["a/b:main"],
                    "args": {"DOCKER_META_IMAGES": "a/b", "DOCKER_META_VERSION": "main"},
                }
            }
        }

    def test_metadata_error_names_line_and_column_and_nothing_is_printed(self, shipmark: Shipmark) -> None:
        env = {"GITLAB_CI": "true", "CI_COMMIT_SHA": SHA, "CI_COMMIT_BRANCH": "main"}
        done = shipmark("metadata", "--tags", "type=raw,x\ntype=raw,{{#if y}}", env=env)
        assert (done.code, done.stdout) == (2, "")
        assert "error: tags:2:10: a block is not supported in expressions\n" in done.stderr
        assert (
            "hint: use a rule of its own with `enable={{is_default_branch}}`, or several rules\n"
            in done.stderr
        )

    def test_metadata_reports_a_malformed_event_file(self, shipmark: Shipmark, tmp_path: Path) -> None:
        event = tmp_path / "event.json"
        event.write_text("{")
        done = shipmark("metadata", env=github("refs/heads/main", GITHUB_EVENT_PATH=str(event)))
        assert done.code == 2
        assert "is not JSON" in done.stderr

    def test_metadata_reads_no_event_file_of_github_with_another_or_no_ci_system(
        self, git_repo: GitRepo, shipmark: Shipmark, tmp_path: Path
    ) -> None:
        git_repo.commit("first", {"a": "1"})
        event = tmp_path / "event.json"
        event.write_text("{")
        env = github("refs/heads/main", GITHUB_EVENT_PATH=str(event))
        for forced in ("none", "gitlab"):
            args = ("--ci", forced, "metadata", "--tags", "type=raw,value=x")
            done = shipmark(*args, cwd=git_repo.path, env=env)
            assert (done.code, done.json["tag-names"]) == (0, ["x"]), done.stderr


def _read_outputs(path: Path) -> dict[str, str]:
    """Parse GitHub's output file, which has `NAME<<DELIMITER`, lines and `DELIMITER` for each output."""
    found: dict[str, str] = {}
    lines = iter(path.read_text().splitlines())
    for line in lines:
        name, _, delimiter = line.partition("<<")
        value: list[str] = []
        while (following := next(lines)) != delimiter:
            value.append(following)
        found[name] = "\n".join(value)
    return found


class TestInAClone:
    def test_metadata_withholds_latest_from_a_backport(self, shipmark: Shipmark, clone: GitRepo) -> None:
        env = github("refs/tags/v1.3.9", clone.git("rev-parse", "HEAD"))
        done = shipmark("metadata", "--tags", RULES, cwd=clone.path, env=env)
        assert done.json["tag-names"] == ["1.3.9", "1.3", "1"]
        assert "withheld: `latest`: 2.0.0 is higher" in done.stderr

    def test_metadata_ignores_a_repository_at_another_commit(
        self, shipmark: Shipmark, clone: GitRepo
    ) -> None:
        done = shipmark("metadata", "--tags", RULES, cwd=clone.path, env=github("refs/tags/v1.3.9"))
        assert done.json["tag-names"] == ["1.3.9", "1.3", "1", "latest"]

    def test_metadata_compares_with_the_releases_that_match_selects(
        self, clone: GitRepo, shipmark: Shipmark
    ) -> None:
        clone.tag("api/v1.2.0")
        rules = "type=match,pattern=api/v(.*),group=1\ntype=raw,value=run-55\ntype=raw,value=cache-main"
        env = github("refs/tags/api/v1.2.0", clone.head)
        done = shipmark("metadata", "--output", "tags", "--tags", rules, cwd=clone.path, env=env)
        assert (done.code, "warning" in done.stderr) == (0, False)
        assert done.stdout.split() == ["1.2.0", "run-55", "cache-main", "latest"]
        clone.git("tag", "api/v1.3.0", "main")
        done = shipmark("metadata", "--output", "tags", "--tags", rules, cwd=clone.path, env=env)
        assert done.stdout.split() == ["1.2.0", "run-55", "cache-main"]

    def test_metadata_in_a_shallow_clone_warns_that_tags_are_not_guarded(
        self, shipmark: Shipmark, clone: GitRepo, tmp_path: Path
    ) -> None:
        shallow = tmp_path / "shallow"
        clone.git("clone", "--quiet", "--depth=1", "--branch=v1.3.9", f"file://{clone.path}", str(shallow))
        env = github("refs/tags/v1.3.9", clone.git("rev-parse", "HEAD"))
        done = shipmark("metadata", "--tags", RULES, cwd=shallow, env=env)
        assert done.json["tag-names"] == ["1.3.9", "1.3", "1", "latest"]
        assert "may go backwards: this clone is shallow" in done.stderr
        assert "fetch-depth: 0" in done.stderr

    def test_metadata_in_a_clone_without_tags_warns_that_tags_are_not_guarded(
        self, shipmark: Shipmark, clone: GitRepo, tmp_path: Path
    ) -> None:
        bare = tmp_path / "no-tags"
        clone.git("clone", "--quiet", "--no-tags", f"file://{clone.path}", str(bare))
        env = github("refs/tags/v1.3.9", clone.git("rev-parse", "HEAD"))
        done = shipmark("metadata", "--tags", RULES, cwd=bare, env=env)
        assert done.json["tag-names"] == ["1.3.9", "1.3", "1", "latest"]
        assert (
            "may go backwards: this clone has no version tag; if its remote `origin` has any" in done.stderr
        )
        assert "fetch-depth: 0" in done.stderr

    def test_metadata_without_ci_gives_the_tag_of_the_checked_out_branch(
        self, shipmark: Shipmark, clone: GitRepo
    ) -> None:
        done = shipmark("metadata", "--tags", RULES, "--output", "tag-names", cwd=clone.path)
        assert done.stdout == "release-1.3\n"

    def test_metadata_with_ci_none_ignores_ci_variables(self, shipmark: Shipmark, clone: GitRepo) -> None:
        env = {"GITHUB_REF": "refs/heads/elsewhere", "GITHUB_SHA": SHA}
        there = shipmark("metadata", "--output", "tag-names", cwd=clone.path, env=env)
        here = shipmark("metadata", "--output", "tag-names", "--ci", "none", cwd=clone.path, env=env)
        assert (there.stdout, here.stdout) == ("elsewhere\n", "release-1.3\n")

    def test_metadata_of_a_detached_head_has_the_version_tag_among_its_git_tags(
        self, shipmark: Shipmark, clone: GitRepo
    ) -> None:
        clone.tag("nightly", annotated=False)
        clone.git("checkout", "--quiet", "--detach")
        done = shipmark(
            "metadata", "--tags", RULES, "--context", "git", "--output", "version", cwd=clone.path
        )
        assert done.stdout == "1.3.9\n"

    def test_metadata_rules_read_described_version_and_commit_counts_from_the_history(
        self, shipmark: Shipmark, clone: GitRepo
    ) -> None:
        clone.commit(message="more")
        rules = "type=describe\ntype=raw,{{commit_count}}-{{distance}}\ntype=describe,pattern={{describe}}"
        done = shipmark("metadata", "--tags", rules, cwd=clone.path)
        sha = clone.git("rev-parse", "HEAD")[:12]
        assert done.json["tag-names"] == [f"1.3.10-dev.1.g{sha}", f"v1.3.9-1-g{sha}", "3-1"]

    def test_metadata_takes_missing_inputs_from_the_config(self, shipmark: Shipmark, clone: GitRepo) -> None:
        (clone.path / "shipmark.yml").write_text(
            "images: [ghcr.io/acme/app, 'oci:dist/image']\n"
            "tags:\n"
            '  - {type: raw, value: "a,b {{branch}}"}\n'
            "  - type=raw,c\n"
            "labels: {one: 1, two: 'x, y'}\n"
        )
        done = shipmark("metadata", cwd=clone.path)
        assert done.json["tags"] == ["ghcr.io/acme/app:a-b-release-1.3", "ghcr.io/acme/app:c"]
        assert (done.json["labels"]["one"], done.json["labels"]["two"]) == ("1", "x, y")

    def test_prefix_of_a_component_is_not_part_of_the_versions_of_metadata(
        self, shipmark: Shipmark, clone: GitRepo
    ) -> None:
        clone.tag("api/v0.4.0")
        env = github("refs/tags/api/v0.4.0", clone.git("rev-parse", "HEAD"))
        done = shipmark("metadata", "--prefix", "api/", "--tags", RULES, cwd=clone.path, env=env)
        assert done.json["tag-names"] == ["0.4.0", "0.4", "0", "latest"]


OTHER_SYSTEMS: tuple[tuple[Mapping[str, str], list[str]], ...] = (
    ({"GITLAB_CI": "true", "CI_COMMIT_SHA": SHA, "CI_COMMIT_TAG": "v1.2.3"}, ["1.2.3", "1.2", "1", "latest"]),
    ({"GITLAB_CI": "true", "CI_COMMIT_SHA": SHA, "CI_COMMIT_BRANCH": "dev"}, ["dev"]),
    ({"JENKINS_URL": "http://ci", "GIT_COMMIT": SHA, "BRANCH_NAME": "dev"}, ["dev"]),
    ({"CIRCLECI": "true", "CIRCLE_SHA1": SHA, "CIRCLE_TAG": "v1.2.3"}, ["1.2.3", "1.2", "1", "latest"]),
)


class TestInOtherSystems:
    @pytest.mark.parametrize(("env", "expected"), OTHER_SYSTEMS)
    def test_metadata_reads_variables_of_other_ci_systems(
        self, shipmark: Shipmark, env: Mapping[str, str], expected: list[str]
    ) -> None:
        done = shipmark("metadata", "--tags", RULES, env=env)
        assert done.json["tag-names"] == expected
        assert done.json["labels"]["org.opencontainers.image.revision"] == SHA

    def test_metadata_without_ci_and_git_exits_3(self, shipmark: Shipmark, tmp_path: Path) -> None:
        done = shipmark("metadata", cwd=tmp_path)
        assert (done.code, done.stdout) == (3, "")
