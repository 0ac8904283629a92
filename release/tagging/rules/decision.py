"""Makes the decision by a list of tag rules, in place of the default scheme. Pure.

`basis_of` finds version, channel, labels and warnings; the rules make the names of tags. A name that contains the
version or the commit becomes a fixed tag. Any other name becomes a moving tag, which the guard judges like those of the
default scheme. Only what the rules make is pushed; no tag of the default scheme is added.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterable, Mapping, Sequence

import msgspec

from release.facts import Facts
from release.tagging.decide import basis_of, require_own_version
from release.tagging.default_scheme import refusal
from release.tagging.expressions.render import Names, expand, parse_template
from release.tagging.model import Candidate, Channel, Decision, HeldTags, KnownReleases, TagPolicy, Withheld
from release.tagging.rules.context import RuleContext, global_names
from release.tagging.rules.evaluate import RuleTag, evaluate_rules
from release.tagging.rules.evaluation import unknown_names
from release.tagging.rules.model import Flavor, Rule
from release.tagging.rules.rule_tags import tagged
from release.tagging.rules.run import (
    as_action,
    facts_run,
    version_of,
    with_action_variables,
    with_history,
)
from release.tagging.unread import Unread
from release.tagging.warnings import idle
from release.versions.git_tags import VersionTags, versions_in
from release.versions.model import Version
from release.versions.semver import precedence_key
from release.versions.status import STATUS_TAG

_VERSION_LABEL = "org.opencontainers.image.version"


def rules_decision(
    facts: Facts,
    policy: TagPolicy,
    known: KnownReleases,
    *,
    rules: Sequence[Rule],
    flavor: Flavor | None = None,
    component: str = "app",
    held: HeldTags | None = None,
    version: Version | None = None,
    asked: str | None = None,
    rebuild: int = 0,
    repositories: tuple[str, ...] = (),
    labels: Mapping[str, str] = {},
    annotations: Mapping[str, str] = {},
    allow_backward: bool = False,
    commit_count: int | None = None,
    env: Mapping[str, str] = {},
) -> Decision:
    """The decision for one component, by `rules`, which are sorted (`rules_from_config`).

    `commit_count`: for `{{commit_count}}`, if it was counted. `env`: for `{{env.NAME}}`. Expressions in labels and
    annotations are expanded. Other arguments and errors are those of `decide`. Raises `ConfigError` with line and
    column for an error in a rule.
    """
    basis = basis_of(facts, policy, known, component=component, version=version, asked=asked, rebuild=rebuild)
    base, known = basis.decision, basis.known
    runs = _runs(facts, policy, base, commit_count, env)
    outcomes = [evaluate_rules(rules, flavor or Flavor(), run, leaves_out=True) for run in runs]
    tags = _by_name(tag for outcome in outcomes for tag in outcome.tags)
    found = versions_in(facts.snapshot.tag_listing, policy.prefix, policy.versions)
    unseen = () if policy.as_action else _unseen(basis.unread, rules, tags.values())
    base = msgspec.structs.replace(base, warnings=(*base.warnings, *unseen))
    released = _released(base, tuple(tags.values()), rebuild, known, found)
    is_release = base.candidate is not None and base.candidate.version is not None
    refused = None if is_release else _refusal(facts, policy)
    if refused is None or not tags:
        decision = tagged(released, tuple(tags.values()), known, held, allow_backward)
    else:
        # The run may push nothing, so all its tags are withheld.
        withheld = tuple(Withheld(name=name, reason=refused) for name in tags)
        decision = msgspec.structs.replace(released, withheld=withheld)
    warnings = itertools.chain(decision.warnings, *(outcome.warnings for outcome in outcomes))
    # With `events: as-action` the rules may give tags where the default scheme gives none, as for a closed request:
    # then the warning that the run releases nothing would be wrong.
    wrong = idle(facts) if decision.tags else []
    named = msgspec.structs.replace(
        decision,
        references=tuple(f"{repository}:{tag.name}" for repository in repositories for tag in decision.tags),
        warnings=tuple(dict.fromkeys(one for one in warnings if one not in wrong)),
    )
    return _labelled(named, global_names(runs[0]), labels, annotations)


def _by_name(tags: Iterable[RuleTag]) -> dict[str, RuleTag]:
    """The tags by name; of several with one name the first counts."""
    found: dict[str, RuleTag] = {}
    for tag in tags:
        if tag.name == STATUS_TAG:
            raise tag.rule.item.error(0, f"the tag `{STATUS_TAG}` is reserved", hint="choose another tag")
        found.setdefault(tag.name, tag)
    return found


def _refusal(facts: Facts, policy: TagPolicy) -> str | None:
    """Why nothing of the run is pushed. With `events: as-action` the rules decide that in every trusted run."""
    if policy.as_action and facts.scope.trust.trusted:
        return None
    return refusal(facts, policy)


def _unseen(odd: Unread | None, rules: Sequence[Rule], tags: Collection[RuleTag]) -> tuple[str, ...]:
    """A warning if the run's git tag looks like a version, is none, and no rule makes an image tag of it.

    Raises `GitError` if the git tag may be a release that is passed over: if a rule is for git tags. If none is, a
    version would get no more tags than this one; but a moving tag would go back where the git tag is an old release, so
    that is an error too.
    """
    if odd is None or odd.looks != "version" or any(map(_of_git_tag, tags)):
        return ()
    if any(map(_is_for_git_tags, rules)) or not all(isinstance(tag.role, str) for tag in tags):
        raise odd.error()
    return (odd.reason,)


def _is_for_git_tags(rule: Rule) -> bool:
    if rule.type == "ref":
        return rule.text("event") == "tag"
    if rule.type == "raw":
        return "tag" in parse_template(rule.value("value")).names()
    return rule.type not in ("edge", "schedule", "sha")


def _of_git_tag(tag: RuleTag) -> bool:
    """Whether a rule made the tag of the run's git tag, and not only of its commit or of text in the rule."""
    rule = tag.rule
    if tag.of_flavor:
        return False
    if rule.type in ("semver", "pep440", "calver", "match"):
        return not rule.text("value") or "tag" in parse_template(rule.value("value")).names()
    if rule.type == "ref":
        return rule.text("event") == "tag"
    return rule.type == "raw" and "tag" in parse_template(rule.value("value")).names()


def with_labels(
    decision: Decision,
    facts: Facts,
    policy: TagPolicy,
    *,
    labels: Mapping[str, str],
    annotations: Mapping[str, str],
    env: Mapping[str, str] = {},
    commit_count: int | None = None,
) -> Decision:
    """`decision` with `labels`, which override its own, and `annotations`; expressions in their values are expanded.

    Raises `ConfigError` with the label's name for a bad expression.
    """
    names = global_names(_runs(facts, policy, decision, commit_count, env)[0])
    return _labelled(decision, names, labels, annotations)


def _labelled(
    decision: Decision, names: Names, labels: Mapping[str, str], annotations: Mapping[str, str]
) -> Decision:
    own = {name: expand(text, names, source=f"labels.{name}") for name, text in labels.items()}
    noted = {name: expand(text, names, source=f"annotations.{name}") for name, text in annotations.items()}
    sections = {"labels": labels, "annotations": annotations}
    empty = [
        f"{section}.{name}: `{unknown}` is not known here; it is left empty"
        for section, texts in sections.items()
        for name, text in texts.items()
        for unknown in unknown_names(parse_template(text), names)
    ]
    return msgspec.structs.replace(
        decision,
        labels={**decision.labels, **own},
        annotations={**decision.annotations, **noted},
        warnings=tuple(dict.fromkeys((*decision.warnings, *empty))),
    )


def _runs(
    facts: Facts, policy: TagPolicy, base: Decision, commit_count: int | None, env: Mapping[str, str]
) -> list[RuleContext]:
    """The contexts in which rules are evaluated: one for HEAD's release, git tag, branch or pull request.

    A branch's run that releases a version has two contexts: the release and the branch.
    """
    release = None if base.candidate is None else base.candidate.version
    prefix = policy.prefix
    plain = facts_run(facts)
    if release is not None:
        git_tag = base.git_tag or f"{prefix}{release}"
        released = facts_run(facts, git_tag=git_tag, release=release, prefix=prefix)
        runs = [released, plain] if facts.ci.branch is not None and facts.branch is not None else [released]
    elif facts.git_tag is not None:
        named = version_of(facts.git_tag, policy)
        runs = [facts_run(facts, git_tag=facts.git_tag, release=named, prefix=prefix)]
    else:
        runs = [plain]
    if policy.as_action:
        runs = [as_action(run, facts) for run in runs]
    told = [msgspec.structs.replace(run, env=dict(env)) for run in runs]
    runs = [with_history(run, facts.snapshot, policy=policy, commit_count=commit_count) for run in told]
    return [with_action_variables(run, env) for run in runs] if policy.as_action else runs


def _released(
    base: Decision, tags: Sequence[RuleTag], rebuild: int, known: KnownReleases, found: VersionTags
) -> Decision:
    """`base` with the version that the rules read, if the default scheme found none or no rule reads the git tag's."""
    own = None if base.candidate is None else base.candidate.version
    read = {precedence_key(tag.release): tag for tag in tags if tag.release is not None}
    if own is not None and base.git_tag is not None and read and precedence_key(own) not in read:
        # No rule reads the git tag's version, and some rule reads another one (`value=`): as in docker/metadata-action,
        # the version that the rules read counts.
        own = None
    for key, tag in read.items():
        first = own or next(iter(read.values())).release
        if first is not None and key != precedence_key(first):
            raise tag.rule.item.error(
                0,
                f"the rules read two versions from one commit, {first} and {tag.release}",
                hint="release one of them, or give the rules `enable`",
            )
    if own is not None or not read:
        return base
    release = next(iter(read.values())).release
    candidate = Candidate(commit=base.commit, version=release, rebuild=rebuild)
    require_own_version(candidate, known, found)
    channel: Channel = "release" if release is None or release.is_stable else "prerelease"
    labels = {**base.labels, _VERSION_LABEL: str(release)}
    return msgspec.structs.replace(
        base, version=str(release), channel=channel, candidate=candidate, labels=labels
    )
