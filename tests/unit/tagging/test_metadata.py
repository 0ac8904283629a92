"""`shipmark metadata`: equal to results observed of docker/metadata-action v6.2.0, or different on purpose."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from release.errors import ConfigError
from release.tagging.metadata import Metadata, MetadataContext, RepositoryFacts, evaluate, read_inputs
from release.tagging.model import KnownFrom, KnownReleases, KnownVersion
from release.tagging.names import is_image_tag
from release.tagging.rules.github import github_run
from release.versions.semver import parse

SHA = "860c1904a1ce19322e91ac35af1ab07466440c37"
NOW = 1_578_616_200_000  # 2020-01-10T00:30:00Z
EVENT: Mapping[str, Any] = {
    "repository": {"default_branch": "main"},
    "number": 2,
    "pull_request": {"number": 2, "head": {"sha": "f" * 40}, "base": {"ref": "main"}},
}


def metadata(
    ref: str,
    tags: str = "",
    *,
    event_name: str = "push",
    env: Mapping[str, str] = {},
    known: KnownReleases | None = None,
    unguarded: str = "",
    event: Mapping[str, Any] = EVENT,
    **inputs: Any,
) -> Metadata:
    variables = {"GITHUB_REF": ref, "GITHUB_SHA": SHA, "GITHUB_EVENT_NAME": event_name, **env}
    context = MetadataContext(
        run=github_run(variables, event, now=NOW),
        repository=RepositoryFacts(name="app", description="d", url="https://example.com/app", license="MIT"),
        known=known,
        unguarded=unguarded,
    )
    return evaluate(read_inputs(tags=tags, **inputs), context)


def names(ref: str, tags: str = "", **options: Any) -> list[str]:
    return list(metadata(ref, tags, **options).tag_names)


MAIN = "refs/heads/main"
RELEASE = "refs/tags/v1.2.3"
RC = "refs/tags/v1.2.3-rc.1"


class TestObserved:
    """Results that equal those of the action."""

    @pytest.mark.parametrize(
        ("ref", "tags", "expected"),
        [
            # priorities and `latest`
            (RELEASE, "type=semver,pattern={{version}}\ntype=raw,x,priority=1000", ["x", "1.2.3"]),
            (RC, "type=ref,event=tag\ntype=semver,pattern={{version}}", ["1.2.3-rc.1", "v1.2.3-rc.1"]),
            (RC, "type=ref,event=tag,priority=901\ntype=semver,pattern=x", ["v1.2.3-rc.1", "1.2.3-rc.1", "latest"]),
            (MAIN, "type=raw,a,priority=1.5\ntype=raw,b,priority=-1\ntype=raw,c,priority=0x10", ["c", "a", "b"]),
            (MAIN, "type=raw,a\ntype=raw,b\ntype=raw,a", ["a", "b"]),
            (MAIN, "type=raw,a/b\ntype=raw,a-b", ["a-b"]),
            # semver
            (RC, "type=semver,pattern=v{{version}}", ["1.2.3-rc.1"]),
            (RC, "type=semver,pattern={{raw}}", ["v1.2.3-rc.1"]),
            (RC, "type=semver,pattern={{{raw}}}", ["v1.2.3-rc.1"]),
            (RC, "type=semver,pattern={{this.raw}}", ["v1.2.3-rc.1"]),
            (RC, "type=semver,pattern={{raw}}-x", ["1.2.3-rc.1"]),
            (RELEASE, "type=semver,pattern={{raw}}-x", ["v1.2.3-x", "latest"]),
            (RELEASE, "type=semver,pattern={{major}}{{nothing}}", ["1", "latest"]),
            (RELEASE, "type=semver,pattern={{version}},match=app-(.*)", ["1.2.3", "latest"]),
            ("refs/tags/app/v1.2.3", "type=semver,pattern={{version}}", []),
            ("refs/tags/app/v1.2.3", "type=semver,pattern={{version}},match=app/(.*)", ["1.2.3", "latest"]),
            ("refs/tags/v1.2.3+5", "type=semver,pattern={{version}}", ["1.2.3", "latest"]),
            ("refs/tags/v1.2.3+5", "type=semver,pattern={{raw}}", ["v1.2.3-5", "latest"]),
            ("refs/tags/V1.2.3", "type=semver,pattern={{version}}", []),
            ("refs/tags/1.2", "type=semver,pattern={{version}}", []),
            (MAIN, "type=semver,pattern={{version}}", []),
            (MAIN, "type=semver,pattern={{version}},value=v3.0.0", ["3.0.0", "latest"]),
            # pep440
            ("refs/tags/1.2.3-1", "type=pep440,pattern={{major}}", ["1.2.3.post1"]),
            ("refs/tags/1.2.3+local.1", "type=pep440,pattern={{version}}", ["1.2.3-local-1", "latest"]),
            ("refs/tags/2020.01.10", "type=pep440,pattern={{version}}", ["2020.1.10", "latest"]),
            ("refs/tags/1", "type=pep440,pattern={{major}}.{{minor}}.{{patch}}", ["1.0.0", "latest"]),
            # match
            ("refs/tags/1.2-3.4", r"type=match,pattern=/\d\.\d/g,group=1", ["3.4", "latest"]),
            (RELEASE, r"type=match,pattern=v(\d),group=1", ["1", "latest"]),
            (RELEASE, r"type=match,pattern=v(\d),group=7", []),
            (RELEASE, r"type=match,pattern=x(\d),group=1", []),
            (RELEASE, 'type=match,"""pattern=v(\\d{1,3})""",group=1', ["1", "latest"]),
            (RELEASE, 'type=match,"pattern=v\\d{1,3}"', []),
            (RELEASE, r"type=match,pattern=(x)?v1,group=1", []),
            # ref, edge, schedule
            ("refs/pull/2/merge", "type=ref,event=pr", ["pr-2"]),
            ("refs/pull/2/head", "type=ref,event=pr", ["pr-2-head"]),
            ("refs/pull/2/merge", "type=ref,event=pr,prefix=", ["2"]),
            ("refs/heads/feature/x y", "type=ref,event=branch", ["feature-x-y"]),
            (MAIN, "type=edge", ["edge"]),
            ("refs/heads/dev", "type=edge", []),
            (MAIN, "type=edge,branch=main", ["edge"]),
            (MAIN, "type=edge,branch={{branch}}", []),
            # attributes
            (MAIN, "foo", ["foo"]),
            (MAIN, "TYPE=raw,VALUE=foo", ["foo"]),
            (MAIN, "type=raw,value=a=b", ["a-b"]),
            (MAIN, "type=raw,prefix=a,=foo", ["a-foo"]),
            (MAIN, "type=raw,a,value=b", ["b"]),
            (MAIN, "type=raw,value=", []),
            (MAIN, "type=raw,x,enable={{is_default_branch}}", ["x"]),
            (MAIN, "type=raw,x,enable={{is_not_default_branch}}", []),
            ("refs/heads/dev", "type=raw,x,enable={{is_default_branch}}", []),
            (MAIN, "type=raw,x,prefix={{branch}}-,suffix=-{{sha}}", [f"main-x-{SHA[:7]}"]),
            (MAIN, "type=sha,format=long,prefix=", [SHA]),
            # dates
            (MAIN, "type=raw,{{date 'YYYYMMDD'}}", ["20200110"]),
            (MAIN, "type=raw,{{date YYYY}}", ["2020-01-10T00-30-00Z"]),
            (MAIN, "type=raw,value={{date 'HHmm' tz='Asia/Tokyo'}}", ["0930"]),
            (MAIN, "type=raw,value={{date 'HHmm' tz='Mars/Olympus'}}", ["0030"]),
            (MAIN, "type=raw,value={{date 'YYYY,MM'}}", ["MM-"]),
            (MAIN, "type=raw,x-{{branch}}-{{tag}}-{{base_ref}}-{{unknown}}", ["x-main---"]),
            ("refs/pull/2/merge", "type=raw,{{base_ref}}{{branch}}", ["main"]),
        ],
    )  # fmt: skip
    def test_metadata_tags_equal_those_of_docker_metadata_action(
        self, ref: str, tags: str, expected: list[str]
    ) -> None:
        assert names(ref, tags) == expected

    @pytest.mark.parametrize(
        ("event_name", "ref", "default"),
        [
            ("create", "refs/heads/dev", "true"),
            ("create", RELEASE, "true"),
            ("discussion", "refs/heads/dev", "true"),
            ("issues", MAIN, "true"),
            ("issue_comment", "refs/heads/dev", "false"),
            ("schedule", "refs/heads/dev", "true"),
            ("push", MAIN, "true"),
            ("push", RELEASE, "false"),
            ("pull_request", "refs/pull/2/merge", "false"),
        ],
    )
    def test_is_default_branch_depends_on_event_and_ref_as_in_docker_metadata_action(
        self, event_name: str, ref: str, default: str
    ) -> None:
        assert names(ref, "type=raw,{{is_default_branch}}", event_name=event_name) == [default]

    @pytest.mark.parametrize(
        ("flavor", "tags", "expected"),
        [
            ("prefix=p-", "type=sha\ntype=raw,x", ["p-x", f"sha-{SHA[:7]}"]),
            ("suffix=-s", "type=sha\ntype=raw,x", ["x-s", f"sha-{SHA[:7]}-s"]),
            ("prefix=p-", "type=raw,x,prefix=", ["x"]),
            ("prefix={{branch}}-", "type=raw,x", ["main-x"]),
            ("prefix=a=b", "type=raw,x", ["ax"]),
            ("latest=true", "type=raw,x", ["x", "latest"]),
            ("latest=true\nprefix=p-,onlatest=true", "type=raw,x", ["p-x", "p-latest"]),
            ("latest=true\nsuffix=-{{sha}},onlatest=true", "type=raw,x", [f"x-{SHA[:7]}", "latest--sha-"]),
            ("latest=true\nonlatest=true,prefix=p-", "type=raw,x", ["p-x", "latest"]),
            ("latest=true", "type=raw,x,enable=false", []),
            ("prefix=a\nprefix=b", "type=raw,x", ["bx"]),
        ],
    )
    def test_flavor_changes_the_tags_as_in_docker_metadata_action(
        self, flavor: str, tags: str, expected: list[str]
    ) -> None:
        assert names(MAIN, tags, flavor=flavor) == expected

    @pytest.mark.parametrize(
        ("images", "expected"),
        [
            ("a/b", ["a/b:x"]),
            ("a/b,c/d", ["a/b:x", "c/d:x"]),
            ("a/b,c/d\ne/f", ["c/d:x", "e/f:x"]),
            ("ghcr.io/Acme/App", ["ghcr.io/acme/app:x"]),
            ("a/b,enable=false", ["x"]),
            ("", ["x"]),
        ],
    )
    def test_each_tag_of_metadata_is_prefixed_with_each_image(self, images: str, expected: list[str]) -> None:
        assert list(metadata(MAIN, "type=raw,x", images=images).tags) == expected

    def test_images_and_flavor_values_that_metadata_drops_give_warnings(self) -> None:
        assert metadata(MAIN, "type=raw,x", images="a/b,c/d\ne/f", flavor="prefix=a=b").warnings == (
            "images:1:1: image `a/b` is lost, `c/d` follows on the same line",
            "flavor:1:9: `=b` is dropped; the value ends at the second `=`",
        )
        assert metadata(MAIN, "type=raw,x", flavor="prefix=a").warnings == ()

    @pytest.mark.parametrize(
        ("length", "expected"),
        [
            ("12", SHA[:12]),
            ("99", SHA),
            ("0", ""),
            ("-1", ""),
            ("7.9", SHA[:7]),
            (" 8 ", SHA[:8]),
            ("1e1", SHA[:10]),
        ],
    )
    def test_variable_short_sha_length_sets_the_number_of_digits_of_a_commit_tag(
        self, length: str, expected: str
    ) -> None:
        env = {"DOCKER_METADATA_SHORT_SHA_LENGTH": length}
        assert names(MAIN, "type=sha", env=env) == [f"sha-{expected}"]

    def test_scheduled_run_has_the_tags_of_schedule_rules(self) -> None:
        tags = "type=schedule\ntype=schedule,pattern={{date 'YYYY'}}{{branch}}"
        assert names(MAIN, tags, event_name="schedule") == ["nightly", "2020"]

    def test_pull_request_target_has_the_tag_of_the_pull_request(self) -> None:
        assert names(MAIN, event_name="pull_request_target") == ["pr-2"]

    def test_with_docker_metadata_pr_head_sha_the_commit_tag_is_of_the_head_commit(self) -> None:
        env = {"DOCKER_METADATA_PR_HEAD_SHA": "true"}
        assert names("refs/pull/2/merge", "type=sha", event_name="pull_request", env=env) == ["sha-fffffff"]

    def test_metadata_labels_are_sorted_as_in_javascript_and_later_ones_override(self) -> None:
        found = metadata(
            MAIN, "type=raw,x", labels="Z=1\nz=2\n_u=3\na=4\nB=5\nnone\na=6=7\nb={{branch}}"
        ).labels
        own = {name: text for name, text in found.items() if "." not in name}
        assert own == {"_u": "3", "a": "6=7", "b": "main", "B": "5", "z": "2", "Z": "1"}
        assert list(own) == ["_u", "a", "b", "B", "z", "Z"]

    def test_metadata_annotations_have_levels_and_do_not_include_labels(self) -> None:
        found = metadata(
            MAIN, "type=raw,x", annotations="a=b", labels="c=d", annotation_levels=("index", "manifest")
        )
        leveled = found.document()["annotations"]
        assert leveled[0] == "index:a=b"
        assert leveled[len(leveled) // 2] == "manifest:a=b"
        assert "c" not in found.annotations

    def test_metadata_without_tags_has_no_version(self) -> None:
        found = metadata(MAIN, "type=ref,event=tag", images="a/b")
        assert found.version is None
        assert found.bake_files()["bake-file-tags"]["target"]["docker-metadata-action"] == {
            "tags": [],
            "args": {"DOCKER_META_IMAGES": "a/b"},
        }


def known(*versions: str) -> KnownReleases:
    return KnownReleases(
        versions=tuple(
            KnownVersion(version=parse(one), source="git tag", commit="b" * 40) for one in versions
        ),
        known_from=KnownFrom(git="complete"),
    )


SEMVER = "\n".join(f"type=semver,pattern={p}" for p in ("{{version}}", "{{major}}.{{minor}}", "{{major}}"))


class TestDifferentOnPurpose:
    def test_metadata_withholds_moving_tags_below_known_higher_releases(self) -> None:
        assert names(RELEASE, SEMVER) == ["1.2.3", "1.2", "1", "latest"]
        found = metadata(RELEASE, SEMVER, known=known("1.3.0", "2.0.0"))
        assert list(found.tag_names) == ["1.2.3", "1.2"]
        assert [(one.name, one.reason) for one in found.withheld] == [
            ("1", "1.3.0 is higher"),
            ("latest", "2.0.0 is higher"),
        ]
        assert found.version == "1.2.3"

    def test_metadata_tags_of_a_branch_are_not_withheld_because_of_releases(self) -> None:
        rules = "type=raw,stable\ntype=ref,event=branch"
        assert names(MAIN, rules, known=known("2.0.0")) == ["main", "stable"]

    def test_metadata_warns_of_unguarded_moving_tags_with_the_reason(self) -> None:
        found = metadata(RELEASE, SEMVER, unguarded="this clone is shallow")
        assert found.warnings == ("`1.2`, `1`, `latest` may go backwards: this clone is shallow",)

    @pytest.mark.parametrize(
        ("ref", "tags"),
        [
            (MAIN, "type=raw,.hidden"),
            (MAIN, "type=raw,-dash"),
            ("refs/heads/日本/テスト", "type=ref,event=branch"),
            (f"refs/heads/{'x' * 140}", "type=ref,event=branch"),
        ],
    )
    def test_a_metadata_tag_that_no_registry_accepts_is_an_error(self, ref: str, tags: str) -> None:
        with pytest.raises(ConfigError, match=r"^tags:1:1: `.*` is not an image tag that a registry accepts"):
            names(ref, tags)

    @pytest.mark.parametrize("image", ["a/b:1", "ghcr.io/acme/", "a b", "-a/b", "a//b"])
    def test_a_metadata_image_name_that_no_registry_accepts_is_an_error(self, image: str) -> None:
        with pytest.raises(ConfigError, match=r"^images:1:1: "):
            names(MAIN, "type=raw,x", images=image)

    def test_metadata_tags_and_labels_are_not_html_escaped(self) -> None:
        assert names("refs/heads/it's", "type=raw,{{branch}}") == ["it-s"]
        assert metadata("refs/heads/a&b", "type=raw,x", labels="b={{branch}}").labels["b"] == "a&b"

    def test_metadata_lists_no_tag_twice(self) -> None:
        assert names(RELEASE, "type=semver,pattern={{version}}\ntype=raw,latest") == ["1.2.3", "latest"]
        assert list(metadata(MAIN, "type=raw,x", images="a/b\nA/B").tags) == ["a/b:x"]

    def test_indented_comment_in_metadata_rules_is_ignored(self) -> None:
        assert names(MAIN, "type=raw,x\n  # type=raw,y") == ["x"]

    def test_rule_pattern_cut_at_a_comma_is_an_error_with_a_hint(self) -> None:
        with pytest.raises(ConfigError) as caught:
            names(RELEASE, 'type=match,"pattern=v(\\d{1,3})"')
        assert caught.value.hint == 'a comma ends a field: protect it as in `"""pattern=a{1,2}"""`'

    @pytest.mark.parametrize(
        ("tags", "message"),
        [
            ("type=raw,x\ntype=raw,prefx=a,x", "tags:2:10: unknown attribute `prefx`"),
            ("type=raw,{{#if x}}a{{/if}}", "tags:1:10: a block is not supported in expressions"),
            ("type=raw,x\n  type=raw,suffix=-{{sha,x", "tags:2:20: the expression that begins here is never closed"),
            ("type=raw,{{upper branch}}", "tags:1:12: `upper` is not a helper and takes no arguments"),
            ("type=semver,pattern={{date 'Y'}},value=1.2.3", "tags:1:23: `date` is not a helper and takes no"),
            ("type=raw,{{date}}", "tags:1:12: `date` needs a format in quotes"),
            ("type=raw,{{date 5}}", "tags:1:12: `date` needs a format in quotes"),
            ("type=raw,value={{date 'Y' zone='UTC'}}", "tags:1:18: unknown `zone` of `date`"),
            ("type=raw,{{date 'Y' tz='UTC'}}", "tags:1:10: unknown attribute `{{date 'Y' tz`"),
            ("type=raw,value={{date 'Y' tz=utc}}", "tags:1:18: `tz` of `date` needs a time zone in quotes"),
        ],
    )  # fmt: skip
    def test_error_for_an_unknown_rule_attribute_or_a_bad_expression_names_line_and_column(
        self, tags: str, message: str
    ) -> None:
        with pytest.raises(ConfigError) as caught:
            names(MAIN, tags)
        assert caught.value.message.startswith(message)

    def test_attribute_of_another_rule_type_gives_a_warning(self) -> None:
        found = metadata(MAIN, "type=raw,x,event=branch")
        assert found.tag_names == ("x",)
        assert found.warnings == ("tags:1:18: `type=raw` has no attribute `event`; it is ignored",)


class TestErrorsOfBoth:
    @pytest.mark.parametrize(
        ("inputs", "message"),
        [
            ({"tags": "type=bar,type=raw,x"}, "tags:1:6: unknown type `bar`"),
            ({"tags": "type=Raw,x"}, "tags:1:6: unknown type `Raw`"),
            ({"tags": "type=raw,x,enable=True"}, "tags:1:19: `enable` is `True`, it must be `true` or `false`"),
            ({"tags": "type=raw,x,enable="}, "tags:1:19: `enable` is ``, it must be `true` or `false`"),
            ({"tags": "type=raw,x,enable=1"}, "tags:1:19: `enable` is `1`, it must be `true` or `false`"),
            ({"tags": "type=match,pattern=a,group=x"}, "tags:1:28: `group=x` is not a number"),
            ({"tags": "type=match,pattern=(a"}, "tags:1:20: `(a` is not a regular expression"),
            ({"tags": "type=sha,format=tiny"}, "tags:1:17: `format=tiny` of `type=sha` must be one of"),
            ({"tags": "type=ref"}, "tags:1:1: `type=ref` needs `event`"),
            ({"tags": 'type=raw,a"b'}, "tags:1:11: a quote inside a field"),
            ({"flavor": "latest=maybe"}, "flavor:1:8: `latest=maybe` must be"),
            ({"flavor": "latest=auto,onlatest=x"}, "flavor:1:22: `onlatest=x` must be"),
            ({"flavor": "colour=red"}, "flavor:1:1: unknown attribute `colour` of the flavor"),
            ({"images": "a/b,enable={{is_default_branch}}"}, "images:1:12: `enable={{is_default_branch}}` of an image"),
            ({"images": "a/b,name=c/d"}, "images:1:10: two names for one image"),
            ({"labels": "a={{"}, "labels:1:3: the expression that begins here is never closed"),
            ({"annotations": "a={{/x}}"}, "annotations:1:3: the end of a block is not supported"),
        ],
    )  # fmt: skip
    def test_invalid_metadata_inputs_are_errors_with_line_and_column(
        self, inputs: dict[str, Any], message: str
    ) -> None:
        with pytest.raises(ConfigError) as caught:
            metadata(MAIN, **inputs)
        assert caught.value.message.startswith(message)

    def test_rule_attribute_match_that_captures_no_group_is_an_error(self) -> None:
        for pattern in ("(x)?v.*", "v.*"):
            with pytest.raises(
                ConfigError, match=r"^tags:1:\d+: .* captures no group, so there is no version"
            ):
                names(RELEASE, f"type=semver,pattern={{{{version}}}},match={pattern}")

    def test_rule_attribute_match_without_a_group_that_does_not_match_gives_a_warning(self) -> None:
        found = metadata(RELEASE, "type=semver,pattern={{version}},match=foo")
        assert found.tag_names == ("1.2.3", "latest")
        assert found.warnings[0].startswith("tags:1:39: `match=foo` has no group")

    def test_short_sha_length_that_is_not_a_number_is_an_error(self) -> None:
        with pytest.raises(ConfigError, match="`DOCKER_METADATA_SHORT_SHA_LENGTH` is `x`"):
            names(MAIN, "type=sha", env={"DOCKER_METADATA_SHORT_SHA_LENGTH": "x"})


class TestNew:
    @pytest.mark.parametrize(
        ("ref", "tags", "expected"),
        [
            ("refs/tags/2026.11.20", "type=calver", ["2026.11.20", "latest"]),
            ("refs/tags/2026.11.20", "type=calver,pattern={{year}}.{{0M}}", ["2026.11", "latest"]),
            ("refs/tags/26.04.1-rc.1", "type=calver,pattern={{YY}}", ["26.04.1-rc.1"]),
            ("refs/heads/release/1.4", "type=ref,event=branch,pattern=^release/(.*)$,group=1", ["1.4"]),
            ("refs/heads/release/1.4", "type=ref,event=branch,pattern=^release/", ["release-1.4"]),
            (MAIN, "type=ref,event=branch,pattern=^release/", []),
            (RELEASE, "type=ref,event=tag,branch=main", ["v1.2.3", "latest"]),
            ("refs/heads/release/1.4", "type=ref,event=branch,branch=release/*", ["release-1.4"]),
            ("refs/heads/release/1/4", "type=ref,event=branch,branch=release/*", []),
            ("refs/heads/release/1/4", "type=edge,branch=release/**", ["edge"]),
            ("refs/pull/2/merge", "type=sha,commit=head", ["sha-fffffff"]),
            ("refs/pull/2/merge", "type=sha,commit=built", [f"sha-{SHA[:7]}"]),
            ("refs/pull/2/merge", "type=raw,{{pr}}-{{pr_head_sha}}-{{channel}}", ["2-fffffff-pull-request"]),
            (RELEASE, "type=raw,v{{version}}-{{channel}}", ["v1.2.3-release"]),
            (RC, "type=raw,{{channel}}", ["prerelease"]),
            (MAIN, "type=raw,{{channel}}{{version}}", ["branch"]),
            (MAIN, "type=describe\ntype=raw,x", ["x"]),
        ],
    )
    def test_metadata_has_rule_types_that_docker_metadata_action_lacks(
        self, ref: str, tags: str, expected: list[str]
    ) -> None:
        assert names(ref, tags) == expected


def test_unknown_value_in_an_expression_of_metadata_is_empty_with_a_warning() -> None:
    found = metadata(MAIN, "type=raw,x{{version}},suffix={{commit_count}}")
    assert found.tag_names == ("x",)
    assert found.warnings == (
        "tags:1:10: `version` is not known here; it is left empty",
        "tags:1:30: `commit_count` is not known here; it is left empty",
    )


def test_unknown_default_branch_for_an_edge_rule_gives_a_warning() -> None:
    found = metadata(MAIN, "type=edge", event={})
    assert (found.tag_names, found.warnings) == (
        (),
        ("tags:1:1: the default branch is not known here; write `type=edge,branch=…`",),
    )


REFS = st.sampled_from(
    [MAIN, RELEASE, RC, "refs/pull/2/merge", "refs/tags/x", "refs/heads/it's", "", "refs/tags/2026.1"]
)
RULES = st.lists(
    st.sampled_from(
        ["type=schedule", "type=semver,pattern={{version}}", "type=semver,pattern={{major}}", "type=ref,event=branch",
         "type=ref,event=tag", "type=ref,event=pr", "type=sha", "type=edge", "type=raw,{{branch}}-x,priority=950",
         "latest",
         "type=match,pattern=.*", "type=pep440,pattern={{raw}}", "type=calver", "type=describe", "type=raw,-{{sha}}"]
    ),
    max_size=6,
).map("\n".join)  # fmt: skip


class TestProperties:
    @given(
        ref=REFS,
        tags=RULES | st.text(max_size=40),
        flavor=st.sampled_from(["", "latest=true", "suffix=-a/b"]),
    )
    def test_metadata_is_deterministic_and_its_tags_are_valid_and_unique(
        self, ref: str, tags: str, flavor: str
    ) -> None:
        try:
            found = metadata(ref, tags, flavor=flavor, images="a/b")
        except ConfigError:
            return
        assert all(is_image_tag(name) for name in found.tag_names)
        assert len(set(found.tag_names)) == len(found.tag_names)
        assert found.tags == tuple(f"a/b:{name}" for name in found.tag_names)
        assert found == metadata(ref, tags, flavor=flavor, images="a/b")
        assert json.loads(json.dumps(found.document()))["tag-names"] == list(found.tag_names)

    @given(
        text=st.text(max_size=40), name=st.sampled_from(["images", "tags", "flavor", "labels", "annotations"])
    )
    def test_any_text_as_one_input_gives_metadata_or_a_config_error(self, text: str, name: str) -> None:
        inputs: dict[str, Any] = {name: text}
        try:
            metadata(RELEASE, **inputs)
        except ConfigError as error:
            assert error.message.startswith(f"{name}:") or name == "tags"  # noqa: PT017
