"""Pieces of the conversion of workflows: YAML that is written, lines that are edited, bake files, expressions."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from release.app.setup.init.convert.bake_files import NotPlain, bake_blocks, target_in, targets_of
from release.app.setup.init.convert.expressions import Values
from release.app.setup.init.convert.jobs import Facts
from release.app.setup.init.convert.matrix import matrix_of
from release.app.setup.init.convert.model import CannotConvert, Edit, edited
from release.app.setup.init.convert.spans import comments
from release.app.setup.init.convert.workflows import convert_workflows
from release.app.setup.init.yaml_text import mapping_lines
from release.app.setup.workflows.model import Job, Workflow, parse_workflow
from release.errors import ConfigError

TEXTS = st.text(st.characters(codec="utf-8"), max_size=12)
KEYS = st.from_regex(r"\A[A-Za-z_][\w-]{0,8}\Z")
FACTS = Facts(action=f"acme/shipmark@{'a' * 40}", github={"repository": "acme/app"})


@settings(max_examples=40)  # dictionaries of dictionaries are slow to draw
@given(
    st.dictionaries(
        KEYS, TEXTS | st.booleans() | st.lists(TEXTS, max_size=3) | st.dictionaries(KEYS, TEXTS, min_size=1)
    )
)
def test_written_yaml_is_read_back_as_the_same_text(value: dict[str, object]) -> None:
    text = "\n".join(mapping_lines(value))
    assert yaml.load(text, yaml.SafeLoader) == value or (not value and not text)


def test_edits_leave_every_other_line_and_one_blank_line_around_a_removed_step() -> None:
    text = "a\n\nb\n\nc\nd"
    assert edited(text, [Edit(first=3, last=3)]) == "a\n\nc\nd"
    assert edited(text, [Edit(first=5, last=5, lines=("x", "y"))]) == "a\n\nb\n\nx\ny\nd"
    assert edited(text, [Edit(first=1, last=0, lines=("new",))]) == f"new\n{text}"


def test_lines_of_a_block_scalar_are_no_comments() -> None:
    lines = [
        "- name: x",
        "  # one",
        "  run: |",
        "    # a shell comment",
        "",
        "    echo",
        "  # two",
        "  with: {a: b} # three",
    ]
    assert comments(lines, 1, len(lines)) == ["# one", "# two"]


@pytest.mark.parametrize(
    ("steps", "spans"),
    [
        ("      - uses: a\n      - uses: b\n", [(4, 4), (5, 5)]),
        (
            "      -\n        # about a\n        uses: a\n\n      # about b\n      -\n        uses: b\n",
            [(4, 6), (9, 10)],
        ),
        ("    - uses: a\n      with:\n        b: |\n          c\n\n          d\n    # end\n", [(4, 9)]),
        ("    - {uses: a}\n    - {uses: b, with: {c: d}} # e\n", [(4, 4), (5, 5)]),
        ("      [{uses: a}]\n", [(0, 0)]),
    ],
    ids=["plain", "dash alone", "block scalar", "flow step", "flow list"],
)
def test_lines_of_each_step_are_found(steps: str, spans: list[tuple[int, int]]) -> None:
    workflow = parse_workflow("w.yml", f"jobs:\n  j:\n    steps:\n{steps}")
    assert [(step.first, step.last) for step in workflow.jobs[0].steps] == spans


@pytest.mark.parametrize(
    "text",
    [
        'target "a" { tags = ["${TAG}"] }',
        'target "a" { args = { V = VERSION } }',
        'variable "TAG" { default = "x" }',
        'function "f" { params = [] }',
        'target "a" { context = upper("x") }',
        'target "a" { platforms = ["x"',
        "target a",
        "[" * 100_000,
        'target "a" { x = ' + "[" * 50 + "]" * 50 + "}",
    ],
    ids=range(9),
)
def test_bake_file_with_more_than_values_is_not_read(text: str) -> None:
    with pytest.raises(NotPlain):
        bake_blocks("docker-bake.hcl", text)


def test_bake_target_has_what_it_inherits_and_groups_name_targets() -> None:
    text = 'group "default" { targets = ["b"] }\ntarget "a" { context = "x", target = "t" }\n'
    blocks = bake_blocks("docker-bake.hcl", text + 'target "b" { inherits = ["a"] target = "u" }\n')
    assert targets_of(blocks, []) == ["b"]
    assert target_in(blocks, "b") == {"context": "x", "target": "u"}
    with pytest.raises(NotPlain, match="inherits from itself"):
        target_in(bake_blocks("b.json", '{"target": {"a": {"inherits": ["a"]}}}'), "a")


def test_expressions_become_values_or_variables_that_no_program_reads() -> None:
    values = Values(
        env={"A": "x-${{ env.B }}", "B": "y", "C": "${{ env.C }}"}, matrix={"m": "1"}, facts={}, steps={}
    )
    assert values.literal("${{ env.A }}/${{ matrix.m }}/${{ 'it''s' }}") == "x-y/1/it's"
    assert values.literal("${{ env.C }}") is None
    text = values.text("${{ inputs.path }} ${{ github.sha }} ${{ a && b }} ${{ vars.path }}", form="<%s>")
    assert text == "<VALUE_PATH> <GITHUB_SHA> <VALUE_1> <VALUE_2>"
    assert values.variables == {"VALUE_PATH": "inputs.path", "VALUE_1": "a && b", "VALUE_2": "vars.path"}


def test_matrix_that_is_made_by_another_job_is_not_converted() -> None:
    job = Job(name="j", line=3, value={"strategy": {"matrix": "${{ fromJSON(needs.a.outputs.b) }}"}})
    with pytest.raises(CannotConvert, match="known only when the job runs"):
        matrix_of(job, ["${{ matrix.x }}"])
    assert matrix_of(job, ["no matrix"]).combinations == ({},)


@settings(max_examples=60)
@given(st.text(max_size=60))
def test_any_text_is_converted_or_left_without_an_error(text: str) -> None:
    step = {
        "uses": "docker/build-push-action@v6",
        "with": {"tags": text, "context": text, "push": text, "build-args": text},
    }
    given = yaml.safe_dump(
        {"jobs": {"j": {"steps": [{"uses": "docker/metadata-action@v5", "with": {"images": text}}, step]}}}
    )
    try:
        workflow = parse_workflow("w.yml", given)
    except ConfigError:
        return  # YAML that shipmark does not read
    for one in convert_workflows([workflow], FACTS):
        assert one.left or one.drafts


JOB = """\
on: push
jobs:
  {name}:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v7
      - uses: docker/metadata-action@v5
        id: meta
        with:
          {images}: ghcr.io/acme/{image}
      - uses: docker/build-push-action@v6
        with:
          push: true
          {tags}: ${{{{ steps.meta.outputs.tags }}}}
{more}"""


def job(
    name: str = "build",
    image: str = "app",
    *,
    images: str = "images",
    tags: str = "tags",
    more: str = "",
    path: str = "ci",
) -> Workflow:
    text = JOB.format(name=name, image=image, images=images, tags=tags, more=more)
    return parse_workflow(f".github/workflows/{path}.yml", text)


class TestNamesOfComponents:
    def test_jobs_of_one_name_in_two_workflows_become_two_components(self) -> None:
        found = convert_workflows(
            [job(), job(image="other", path="nightly"), job(image="third", path="nightly")], FACTS
        )
        names = ["build", "nightly-build", "nightly-2-build"]
        assert [draft.name for one in found for draft in one.drafts] == names
        for one, name in zip(found, names, strict=True):
            assert f"\n          component: {name}\n" in f"{one.text}\n"

    def test_jobs_that_release_the_same_are_one_component(self) -> None:
        found = convert_workflows([job(), job("publish", path="tags")], FACTS)
        assert [draft.name for one in found for draft in one.drafts] == ["build", "build"]
        assert all("component:" not in one.text for one in found)

    def test_renamed_component_of_a_matrix_is_named_by_an_expression(self) -> None:
        lines = "    strategy: {matrix: {service: [api, web]}}\n    steps:\n"
        workflows = []
        for path, image in (("ci", "app"), ("nightly", "other")):
            text = JOB.format(
                name="build",
                image=f"{image}-${{{{ matrix.service }}}}",
                images="images",
                tags="tags",
                more="",
            )
            workflows.append(parse_workflow(f"{path}.yml", text.replace("    steps:\n", lines)))
        first, second = convert_workflows(workflows, FACTS)
        assert [draft.name for draft in second.drafts] == ["nightly-api", "nightly-web"]
        assert "component: ${{ matrix.service }}" in first.text
        assert "component: nightly-${{ matrix.service }}" in second.text


def test_input_names_count_in_any_case() -> None:
    (found,) = convert_workflows([job(images="Images", tags="TAGS")], FACTS)
    assert [draft.section["image"] for draft in found.drafts] == ["ghcr.io/acme/app"]
    text = "    - uses: actions/checkout@v7\n      with:\n        'Fetch-Depth': 1\n"
    (step,) = parse_workflow("w.yml", f"jobs:\n  j:\n    steps:\n{text}").jobs[0].steps
    assert step.inputs == {"fetch-depth": "1"}
    (found,) = convert_workflows(
        [
            parse_workflow(
                "w.yml",
                job().text.replace("checkout@v7\n", "checkout@v7\n        with: {'Fetch-Depth': 1}\n"),
            )
        ],
        FACTS,
    )
    assert "with: {fetch-depth: 0}" in found.text


@pytest.mark.parametrize(
    ("flavor", "affixes"),
    [
        ("suffix=-x", ",suffix="),
        ("suffix=-x,onlatest=true", ""),
        ("prefix=p-,onlatest=false,suffix=-x,onlatest=true", ",prefix="),
        ("prefix=", ""),
    ],
)
def test_rule_in_place_of_a_condition_for_latest_has_the_affixes_of_latest(flavor: str, affixes: str) -> None:
    lines = ("latest=${{ inputs.latest }}", flavor)
    images = "          images: ghcr.io/acme/app\n"
    for order in (lines, lines[::-1]):
        block = "".join(f"            {one}\n" for one in order)
        text = job().text.replace(images, f"{images}          flavor: |\n{block}")
        workflow = parse_workflow("w.yml", text)
        (found,) = convert_workflows([workflow], FACTS)
        (rule,) = [one for one in found.drafts[0].section["tags"] if "value=latest" in one]
        assert rule == f"type=raw,value=latest,enable={{{{env.VALUE_LATEST}}}},priority=0{affixes}"


def test_line_of_the_flavor_that_takes_back_an_earlier_one_stays() -> None:
    images = "          images: ghcr.io/acme/app\n"
    flavor = "          flavor: |\n            latest=auto\n            prefix=p-\n            prefix=\n"
    (found,) = convert_workflows(
        [parse_workflow("w.yml", job().text.replace(images, images + flavor))], FACTS
    )
    assert found.drafts[0].section["flavor"] == ["prefix=p-", "prefix="]


def test_line_of_build_arguments_that_looks_like_a_comment_is_named() -> None:
    more = "          build-args: |\n            # the version\n            A=1\n"
    (found,) = convert_workflows([job(more=more)], FACTS)
    assert found.drafts[0].section["build"] == {"args": {"A": "1"}}
    assert [one.what.split(" in ")[0] for one in found.left] == ["`# the version`"]


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        (
            "      - uses: actions/checkout@v7\n",
            "      - &own\n        uses: actions/checkout@v7\n      - *own\n",
            6,
        ),
        ("        id: meta\n", "        id: &id meta\n        name: *id\n", 8),
        ("  build:\n", "  build: &job\n", 3),
        ("jobs:\n", "x: &x a\njobs:\n", 0),
        ("    runs-on: ubuntu-latest\n", "    runs-on: &os ubuntu-latest\n    name: *os\n", 0),
    ],
    ids=["step", "value", "job", "elsewhere", "beside-the-steps"],
)
def test_job_whose_steps_are_shared_by_an_anchor_stays_as_it_is(old: str, new: str, line: int) -> None:
    text = job().text.replace(old, new)
    (found,) = convert_workflows([parse_workflow("w.yml", text)], FACTS)
    if line:
        assert (found.text, found.drafts, found.left[0].place) == (text, (), f"w.yml:{line}")
        assert "anchor or alias" in found.left[0].what
    else:
        assert found.drafts
        assert not found.left
    # A job that is an alias of another one has no lines of its own either.
    twice = job().text.replace("  build:\n", "  build: &job\n") + "  again: *job\n"
    (kept,) = convert_workflows([parse_workflow("w.yml", twice)], FACTS)
    assert (kept.text, len(kept.left)) == (twice, 2)


@pytest.mark.parametrize(
    ("name", "text", "build"),
    [
        # What `getInputList` of @docker/actions-toolkit 0.101.0 gives to docker/build-push-action.
        ("build-args", '"A=a,b"', {"args": {"A": "a,b"}}),
        ("build-args", 'A="x y"', {"args": {"A": '"x y"'}}),
        ("build-args", '"A=it is ""q"""', {"args": {"A": 'it is "q"'}}),
        ("build-args", '"A=1\n  2"\nB=3', {"args": {"A": "1\n  2", "B": "3"}}),
        ("build-args", "A=1,B=2", {"args": {"A": "1,B=2"}}),
        ("build-contexts", '"base=docker-image://x"', {"contexts": {"base": "docker-image://x"}}),
        ("cache-from", '"type=gha,scope=a"', {"cache_from": ["type=gha,scope=a"]}),
        ("platforms", '"linux/amd64,linux/arm64"', {"platforms": ["linux/amd64", "linux/arm64"]}),
        ("ssh", "default,key=k.pem", {"ssh": ["default", "key=k.pem"]}),
        ("secrets", '"a=${{ secrets.A }}"', {"secrets": ["id=a,env=VALUE_A"]}),
        ("secret-envs", "a=A,b=B", {"secrets": ["id=a,env=A", "id=b,env=B"]}),
        ("secret-files", '"a=a.txt"', {"secrets": ["id=a,src=a.txt"]}),
    ],
)
def test_list_inputs_are_read_as_the_csv_that_docker_build_push_action_reads(
    name: str, text: str, build: dict[str, object]
) -> None:
    lines = "".join(f"            {line}\n" for line in text.split("\n"))
    (found,) = convert_workflows([job(more=f"          {name}: |\n{lines}")], FACTS)
    assert [draft.section["build"] for draft in found.drafts] == [build]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("A=${HOME}/x", "`${HOME}` in `${HOME}/x` is text for docker/build-push-action"),
        ("A={{version}}", "`{{version}}` in `{{version}}` is text for docker/build-push-action"),
        ('"A=a', "the quotes of an input cannot be read"),
    ],
)
def test_build_argument_that_the_config_would_change_keeps_the_job_as_it_is(text: str, why: str) -> None:
    (found,) = convert_workflows([job(more=f"          build-args: |\n            {text}\n")], FACTS)
    assert found.drafts == ()
    assert found.left[0].what.startswith(why)


def test_build_argument_with_the_version_of_the_metadata_step_keeps_its_expression() -> None:
    more = "          build-args: V=${{ steps.meta.outputs.version }}\n"
    (found,) = convert_workflows([job(more=more)], FACTS)
    assert [draft.section["build"] for draft in found.drafts] == [{"args": {"V": "{{version}}"}}]


@pytest.mark.parametrize(
    ("more", "build"),
    [
        ("context: api", {"context": "api", "dockerfile": "api/Dockerfile"}),
        ("context: ./api/\n          file: ''", {"context": "api", "dockerfile": "api/Dockerfile"}),
        ("context: api\n          file: Dockerfile", {"context": "api"}),
        ("context: api\n          file: ./d/F", {"context": "api", "dockerfile": "d/F"}),
    ],
)
def test_without_a_file_the_dockerfile_of_a_build_is_in_its_context(
    more: str, build: dict[str, object]
) -> None:
    (found,) = convert_workflows([job(more=f"          {more}\n")], FACTS)
    assert [draft.section["build"] for draft in found.drafts] == [build]
