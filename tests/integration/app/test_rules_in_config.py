"""Rules of docker/metadata-action, pasted into `shipmark.yml`, name the tags of a release, which the guard protects."""

from __future__ import annotations

from collections.abc import Callable

from tests.support.releases.project import Project

RULES = """\
type=semver,pattern={{version}}
type=semver,pattern={{major}}.{{minor}}
type=sha,format=long
"""


def test_rules_of_docker_metadata_action_in_the_config_name_the_tags_of_a_release(
    make_project: Callable[..., Project],
) -> None:
    project = make_project(tags=RULES)
    commit = project.release_commit("v1.4.2")
    project.must("run")
    assert set(project.tags) == {"1.4.2", "1.4", f"sha-{commit}", "latest"}
    assert len(set(project.tags.values())) == 1
    project.repo.branch("release/1.3", "v1.3.8")
    project.configure(tags=RULES)
    project.release_commit("v1.3.9")
    project.must("run")
    assert project.tags["1.3"] == project.tags["1.3.9"] != project.tags["latest"]


def test_tag_rules_as_mapping_and_line_are_applied_with_the_flavor(
    make_project: Callable[..., Project],
) -> None:
    rules = [{"type": "semver", "pattern": "{{version}}"}, "type=raw,value=stable"]
    project = make_project(tags=rules, flavor="latest=false\nsuffix=-alpine")
    project.release_commit("v1.4.2")
    result = project.must("tags", "--format", "names")
    assert result.stdout.split() == ["1.4.2-alpine", "stable-alpine"]


def test_an_error_in_a_tag_rule_names_file_and_line(make_project: Callable[..., Project]) -> None:
    project = make_project()
    project.repo.write({"shipmark.yml": f"image: {project.image}\ntags: |\n  type=semvr,pattern=x\n"})
    result = project("tags")
    assert result.code == 2
    assert "shipmark.yml:3:" in result.stderr
    assert "did you mean `semver`?" in result.stderr


def test_lines_of_labels_and_annotations_are_read_as_metadata_reads_them(
    make_project: Callable[..., Project],
) -> None:
    lines = '# a comment\n"q=a, b"\nt=say "hi"\nl=a=b'
    wanted = {"q": "a, b", "t": 'say "hi"', "l": "a=b"}
    project = make_project()
    for given in (lines, lines.split("\n")):
        project.configure(tags=RULES, labels=given, annotations=given)
        project.repo.commit()
        decision = project.must("tags", "--json").json
        assert wanted.items() <= decision["labels"].items()
        assert decision["annotations"] == wanted
        assert wanted.items() <= project.must("metadata").json["labels"].items()
