"""Each parser of shipmark's own inputs, with seeds from which damaged inputs are made."""

from __future__ import annotations

import contextlib
import hashlib
import json
import threading
from datetime import UTC, datetime
from pathlib import Path

from ci.systems import detect
from release.app.log.import_entries import fact_in
from release.build.context.tree import Tree
from release.build.docker.messages import BuildMessages
from release.build.dockerfile.parser import parse as parse_dockerfile
from release.build.embedded.stages import build_stages
from release.build.ignore import match_component, parse_ignore
from release.compression.entries import Content, Inline, Node
from release.config.load import load
from release.errors import ConfigError
from release.log import SCHEMA, Head, questions
from release.log.answers.mentions import find
from release.log.answers.scope import EVERYTHING
from release.log.attested import attested
from release.log.catalog.catalog import Catalog
from release.log.catalog.view import LogView
from release.log.chain import _ENCODER, DOMAIN
from release.log.fold import fold
from release.log.jsonl import batch_of, last_entry, scan
from release.log.page.html import Assets
from release.log.page.site import Site
from release.log.waiters import lease_end
from release.log.yanked import yanks_of
from release.oci.image_json import parse_platform
from release.oci.reference import Reference, parse_repository
from release.plan.earlier import read_plan
from release.plan.model import PLAN_SCHEMA, Phase, Plan
from release.tagging.expressions.moment import find_zone, format_moment
from release.tagging.expressions.render import expand
from release.tagging.labels import source_url
from release.tagging.metadata import MetadataContext, evaluate, read_inputs
from release.tagging.names import branch_tag, is_image_tag
from release.tagging.rules.context import global_names
from release.tagging.rules.git_versions import read_calver, read_pep440, read_semver
from release.tagging.rules.github import github_run
from release.tagging.rules.javascript.pattern import parse_pattern
from release.tagging.rules.parse import rules_from_config
from release.versions.bump import part_of, step_of
from release.versions.commits import Commit, standing_changes
from release.versions.git_tags import versions_in
from release.versions.semver import parse_tag_name, version_of_image_tag
from tests.support.fuzzing import Parser, as_text
from tests.support.logs import reference_answers
from tests.support.logs.facts import MemoryStore, built, fact, moved, planned, pushed, released, writer

SHA = "860c1904a1ce19322e91ac35af1ab07466440c37"
GOLDEN = [
    json.loads(path.read_text())
    for path in sorted((Path(__file__).parents[1] / "unit/ci/golden").glob("*.json"))
]
NOW = 1_760_000_000_000


class _NoArchives:
    """Stand-in for the files of a build whose context contains no archive."""

    def read(self, content: Content) -> bytes:
        return content.data if isinstance(content, Inline) else b""

    def unpack(self, content: Content, shown: str) -> Tree | None:
        return None


CONTEXT = Tree({
    "app": Node(kind="file", mode=0o755, content=Inline(data=b"app")),
    "conf": Node(kind="dir"),
    "conf/a.ini": Node(kind="file", mode=0o644, content=Inline(data=b"a")),
    "link": Node(kind="symlink", mode=0o777, target="conf/a.ini"),
    "loop": Node(kind="symlink", mode=0o777, target="loop"),
})  # fmt: skip


def _dockerfile(text: str) -> None:
    parsed = parse_dockerfile(text)
    build_stages(
        parsed,
        CONTEXT,
        target=None,
        platform=parse_platform("linux/amd64"),
        given={"A": "x"},
        files=_NoArchives(),
    )


def _ignore(text: str) -> None:
    ignore = parse_ignore(text)
    for path in ("a", "src/deep/a.log", "a" * 120, "/".join(["a"] * 12), "é\udcff\n"):
        ignore.excludes(path)
        ignore.may_include_below(path)
    if len(text) < 4096:
        with contextlib.suppress(ValueError):  # its caller knows the line
            match_component(text, "a" * 120)


def _config(text: str) -> None:
    for component in load(text, "shipmark.yml", {"HOST": "ghcr.io"}).components:
        if component.section.tags != "default":
            rules_from_config(component.section.tags, places=component.tag_places)
        for target in component.targets:
            if not target.image.startswith("oci:"):
                parse_repository(target.image)


def _event(raw: bytes) -> None:
    """Read a CI event and detect the run's context; only the JSON may be refused, `ci` never raises."""
    try:
        case = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise ConfigError("not JSON") from error
    case = case if isinstance(case, dict) else {}
    given = case.get("env")
    env = {str(name): str(value) for name, value in given.items()} if isinstance(given, dict) else {}
    event = case.get("event")
    event = event if isinstance(event, dict) else None
    context = detect(env, event)
    source_url(context.repository_url)
    run = github_run(env, event or {}, now=NOW)
    expand("{{branch}}{{tag}}{{base_ref}}{{sha}}{{commit_date 'YYYY'}}", global_names(run))


RUN = github_run(
    {"GITHUB_REF": "refs/tags/v1.2.3", "GITHUB_SHA": SHA, "GITHUB_EVENT_NAME": "push"}, {}, now=NOW
)
BRANCH = github_run(
    {"GITHUB_REF": f"refs/heads/{'a' * 60}/b", "GITHUB_SHA": SHA, "GITHUB_EVENT_NAME": "push"}, {}, now=NOW
)


def _rules(text: str) -> None:
    for run in (RUN, BRANCH):
        evaluate(read_inputs(images="ghcr.io/acme/app", tags=text), MetadataContext(run=run))


def _inputs(text: str) -> None:
    evaluate(read_inputs(images=text, flavor=text, labels=text, annotations=text), MetadataContext(run=RUN))


def _pattern(text: str) -> None:
    pattern = parse_pattern(text)
    for subject in ("v1.2.3", "a" * 60 + "!", "aé\udcff\n"):
        pattern.match(subject)


def _references(text: str) -> None:
    try:
        Reference.parse(text)
    finally:
        parse_repository(text)


def _versions(text: str) -> None:
    for scheme in ("semver", "calver", "none"):
        parse_tag_name(text, "", scheme)
        version_of_image_tag(text, scheme)
    for read in (read_semver, read_pep440, read_calver):
        read(text)
    assert not text or is_image_tag(branch_tag(text))


def _commit(text: str) -> None:
    part_of(text)
    commits = [
        Commit(id=f"{number:040x}", message=text, parents=("0" * 40,) * number) for number in (2, 1, 0)
    ]
    step_of(standing_changes(commits))


def _moment(text: str) -> None:
    format_moment(datetime(2020, 1, 10, tzinfo=UTC), text)
    find_zone(text)


def _listing(raw: bytes) -> None:
    found = versions_in(raw, "v")
    found.at(SHA)
    list(found.where(lambda version: version.is_stable).at(SHA))


def _log(raw: bytes) -> None:
    fold(entry for entries in scan([raw[:100], raw[100:]], Head()) for entry in entries)
    last_entry(raw, whole=True)
    last_entry(raw[7:], whole=False)


def _forged(raw: bytes) -> None:
    """Read a forged log: entries with any values that are chained and hashed correctly."""
    try:
        facts = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise ConfigError("not JSON") from error
    lines, head = [], Head()
    for one in facts if isinstance(facts, list) else ():
        fields = {
            **(one if isinstance(one, dict) else {}),
            "schema": SCHEMA,
            "seq": head.seq + 1,
            "prev": head.hash,
        }
        fields.pop("hash", None)
        try:
            fields["hash"] = hashlib.sha256(DOMAIN + _ENCODER.encode(fields)).hexdigest()
            lines.append(_ENCODER.encode(fields) + b"\n")
        except (ValueError, TypeError, RecursionError, OverflowError) as error:
            raise ConfigError("not JSON") from error
        head = Head(seq=head.seq + 1, hash=fields["hash"])
    entries = [entry for portion in scan([b"".join(lines)], Head()) for entry in portion]
    state = fold(entries)
    reference_answers.history(state, "latest")
    reference_answers.at(state, "latest", "2026-01-01T00:00:00.000Z")
    find(entries, "sha256:" + "a" * 64)
    questions.select(state, questions.Filter(images=("app",), tag="1.4", branch="main", since="2020"))
    for release in state.releases.values():
        questions.difference(release, release)
        for attempt in release.attempts:
            lease_end(attempt)
    yanks_of(entries)
    list(attested(entries))
    for entry in entries:
        batch_of(entry)
    catalog = Catalog()
    for entry in entries:
        catalog.take(entry)
    view = LogView(catalog, threading.RLock(), lambda: state)
    Site(view, EVERYTHING, Assets("{{title}}", "", ""), title="t", head="h", mask=str).file()


def _messages(raw: bytes) -> None:
    messages = BuildMessages(parse_dockerfile("FROM scratch\nRUN x\n"), _Silent(), str)
    for line in raw.splitlines():
        try:
            value = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise ConfigError("not JSON") from error
        if isinstance(value, dict):
            messages.take(value)
    messages.end()


class _Silent:
    def emit(self, event: object) -> None:
        pass


def _plan() -> bytes:
    plan = Plan(purpose="release", releases=(), phases=(Phase(name="check"),), steps=(), basis={"a": "b"})
    from release.app.releases.results import plan_document

    return json.dumps(plan_document(plan)).encode()


def _logged() -> bytes:
    store = MemoryStore()
    log = writer(store)
    for one in (planned(), built(), released()):
        log.append([one])
    return b"".join(line + b"\n" for line in store.lines)


DOCKERFILES = (
    b"""# syntax=docker/dockerfile:1
ARG A=1
FROM scratch AS one
ENV P="a b" Q=${A:-x} R=$P
COPY --chown=1:2 conf /c/
LABEL a=b 'c d'="e\\"f"
USER 1
WORKDIR /w
EXPOSE 80/tcp 90-91
VOLUME ["/d"]
STOPSIGNAL SIGINT
""",
    b"""FROM scratch
COPY <<EOF <<-'B' /x/
line $A
EOF
\tb
B
ONBUILD COPY app /
SHELL ["/bin/sh", "-c"]
""",
    b"""# escape=`
FROM scratch
ADD --chmod=755 app l*k /a `
  b/
HEALTHCHECK --interval=1m30s CMD ["x"]
ENTRYPOINT a
CMD ["b"]
""",
    b"FROM scratch AS a\nFROM a\nCOPY --from=a / /\nMAINTAINER x\nENV A 1\n",
)
CONFIGS = (
    b"""image: ${HOST}/acme/app
tags:
  - type=semver,pattern={{version}}
  - {type: raw, value: x}
build: {args: {A: 1.10}}
""",
    b"""images: [{image: ghcr.io/a/b, required: false}, oci:dist]
log: [git, {store: file, path: a}]
labels: &l {a: b}
annotations: *l
""",
    b"""components:
  api:
    image: a/b
    prefix: api/
    tags: |
      type=sha
  web: {image: c/d, build: {platforms: [linux/amd64]}}
""",
    b'{"image": "ghcr.io/acme/app", "tags": [{"type": "sha"}], "components": {"a": {"labels": {"x": "y"}}}}',
)
RULES = (
    b"""type=semver,pattern={{version}}
type=semver,pattern={{major}}.{{minor}},enable={{is_default_branch}}
""",
    b"""type=match,pattern=/v(\\d+)\\.(\\d+)/i,group=1
type=ref,event=branch,branch=rel*/**
type=edge,branch=a*
""",
    b"""type=raw,value={{date 'YYYYMMDD' tz='Europe/Berlin'}}-{{sha}},priority=100,suffix=-x
type=sha,format=long
""",
    b"""type=schedule,pattern=nightly
type=pep440,pattern={{raw}},value=1.0rc1
type=calver,pattern={{version}},match=(.*)
""",
)
EXPRESSIONS = (
    b"{{branch}}-{{date 'YYYY' tz='UTC'}}",
    b"{{#if x}}{{/if}}",
    b'{{{sha}}}{{! c }}{{commit_date "X"}}',
    b"{{~tag~}}",
)
LISTING = (
    f"{SHA} refs/tags/v1.4.2\n{'b' * 40} refs/tags/v1.5.0-rc.1\n{SHA} refs/tags/v1.5.0-rc.1^{{}}\n".encode()
)
FACTS = (planned(), built(), pushed(), released(), moved(), fact("yanked", versions=["1.4.1"], reason="bad"))
FORGED = json.dumps(
    [{**one, "id": f"{number:064x}", "at": "2026-01-01T00:00:00.000Z"} for number, one in enumerate(FACTS)]
).encode()
MESSAGES = b"""{"stream": "Step 1/2 : FROM x\\n"}
{"status": "Pulling", "id": "a"}
{"aux": {"ID": "sha256:a"}}
{"error": "no", "errorDetail": {"code": 1}}
"""
PARKED = b'{"schema": "shipmark.unrecorded/1", "fact": {"kind": "pushed"}}'
PARSERS = (
    Parser(
        "Dockerfile",
        as_text(_dockerfile),
        DOCKERFILES,
        (
            b"FROM ",
            b"<<EOF",
            b"EOF\n",
            b"--from=",
            b"${A:+",
            b"\\\n",
            b"ONBUILD ",
            b"--chmod=",
            b'["',
            b"# escape=",
        ),
    ),
    Parser(
        "ignore file",
        as_text(_ignore),
        (
            b"# c\n*.log\n!keep.log\n**/node_modules\n/a/../b/\n[a-c]x\n[^a]\\*\n",
            b"a/**/b\n**.pyc\n!a/b?\n*a*b*c\n",
        ),
        (b"**/", b"[", b"[^", b"!", b"*a"),
    ),
    Parser(
        "config",
        as_text(_config),
        CONFIGS,
        (
            b"&a ",
            b"*a",
            b"!!str ",
            b"<<: ",
            b"- ",
            b": ",
            b"? ",
            b"|\n",
            b"[[",
            b"{a: ",
            b"---\n",
            b"%YAML 9\n",
        ),
    ),
    Parser("CI variables and event", _event, tuple(json.dumps(case).encode() for case in GOLDEN)),
    Parser(
        "rules",
        as_text(_rules),
        RULES,
        (b"type=", b"pattern=", b"{{", b"(a+)+", b"'", b",", b"group=", b"match="),
        pumped=20_000,
    ),
    Parser(
        "inputs of metadata",
        as_text(_inputs),
        (
            b"ghcr.io/acme/app\nname=a/b,enable=false\n",
            b"latest=auto\nprefix=x-\n",
            b"a={{tag}}\nindex:b=c\n",
        ),
        (b"name=", b"enable=", b"latest=", b"suffix="),
        pumped=20_000,  # read four times, character by character
    ),
    Parser(
        "pattern",
        as_text(_pattern),
        (
            b"/v(\\d+)\\.(?<m>\\d+)/gi",
            b"(?<=v)1|\\k<m>[^\\w-]+?$",
            b"(a{2,5}|b)*\\1",
            b"[\\u0041-\\x5a]\\b.+",
        ),
        (b"(", b")*", b")+", b"{2}", b"{0,30}", b"(?=", b"(?<!", b"\\1", b"[^", b".*"),
    ),
    Parser(
        "expression",
        as_text(lambda text: expand(text, global_names(RUN))),
        EXPRESSIONS,
        (b"{{", b"}}", b"{{{", b"{{!--", b"date ", b"tz="),
    ),
    Parser(
        "image name",
        as_text(_references),
        (
            b"ghcr.io/acme/app:1.4.2@sha256:" + b"a" * 64,
            b"[::1]:5000/a/b:c",
            b"ubuntu",
            b"localhost:5000/a__b/c--d.e",
        ),
        (b"--", b"__", b"@sha256:", b"-a"),
    ),
    Parser(
        "version",
        as_text(_versions),
        (
            b"v1.4.2-rc.1+build.7",
            b"2024.11.3",
            b"1!2.0rc1.post2.dev3+local.1",
            b"1.4.2_r1",
            b"release/1.4",
            b"sha-123",
        ),
        (b"-rc.", b"+", b".", b"0", b"_r"),
        understood=0.5,
    ),
    Parser(
        "conventional commit",
        as_text(_commit),
        (
            b"feat(api)!: new thing\n\nbody\n\nBREAKING CHANGE: gone\nRefs: #1\n",
            b'fix: a\n\nRevert "feat: b"\n',
        ),
        (b"BREAKING CHANGE: ", b"feat!: ", b"(", b"\n\n"),
        understood=0.5,
    ),
    Parser(
        "date format",
        as_text(_moment),
        (b"YYYY-MM-DDTHH:mm:ss.SSS[Z]", b"Europe/Berlin", b"[a[b]LLLL"),
        (b"[", b"\\Y", b"../", b"/"),
        pumped=50_000,
    ),
    Parser("git's listing of tags", _listing, (LISTING,), (b"refs/tags/v", b"^{}", b" "), understood=0.5),
    Parser(
        "remote URL",
        as_text(source_url),
        (b"https://u:p@github.com/a/b.git", b"git@github.com:a/b", b"ssh://git@h:22/a"),
        understood=0.5,
    ),
    Parser("log", _log, (_logged(),), (b"\n", b'"seq":', b'"hash":"')),
    Parser("forged log", _forged, (FORGED,)),
    Parser(
        "plan file",
        lambda raw: read_plan(raw, "plan.json"),
        (_plan(),),
        (b'"hash":', PLAN_SCHEMA.encode()),
        understood=0,  # a damaged plan has another hash
    ),
    Parser("parked fact", lambda raw: fact_in(raw, "x:1"), (PARKED,)),
    Parser("messages of the daemon", _messages, (MESSAGES,), (b'{"stream": ', b'{"error": ', b'"aux"')),
    Parser("platform", as_text(parse_platform), (b"linux/amd64", b"linux/arm/v7"), understood=0.001),
)
