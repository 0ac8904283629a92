"""The steps that obtain an image for several platforms, and which platforms need not be built again."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from release.build_spec import BuildSpec
from release.oci import OCI_MANIFEST, Descriptor
from release.oci.image_index import PlatformEntry
from release.plan.evidence import STORE, Recorded, RecordedPart
from release.plan.inputs import inputs_of
from release.plan.model import Plan, Slot, Step, unbound
from release.plan.operands import Assemble, BuildImage, FindImage, Record
from release.plan.release import plan_release
from release.plan.release_image import needs_build
from release.plan.release_input import ImageCheck, ReleaseInput
from release.plan.supply import FROM, Supply
from release.tagging.labels import INPUTS, REVISION
from release.tagging.model import Held
from tests.support.releases.subjects import COMMIT, DECISION, IMAGE, has, subject

AMD, ARM = "linux/amd64", "linux/arm64"
INPUTS_LABEL = "shipmark.inputs/1:" + "1" * 64
LABELLED = msgspec.structs.replace(
    DECISION, labels={**DECISION.labels, REVISION: COMMIT, INPUTS: INPUTS_LABEL}, annotations={"team": "a"}
)
TWO = BuildSpec(builder="layers", platforms=(AMD, ARM))
DIGESTS = {AMD: "sha256:" + "1" * 64, ARM: "sha256:" + "2" * 64}


def several(**changes: Any) -> ReleaseInput:
    """Return a release for two platforms, built one by one unless `changes` says otherwise."""
    return subject(**{"build": TWO, "decision": LABELLED, "makes_index": False, **changes})


def part(platform: str = AMD, **changes: Any) -> RecordedPart:
    return RecordedPart(**{"platform": platform, "digest": DIGESTS[platform], "builder": "layers", **changes})


def having(platform: str = AMD, name: str = STORE, **said: Any) -> Any:
    """Return a source with one platform's image, labelled as of this release unless `said` changes labels."""
    return has(name, DIGESTS[platform], **{"platforms": (platform,), "inputs": INPUTS_LABEL, **said})


def obtaining(plan: Plan) -> list[Step]:
    return [step for step in plan.steps if step.phase == "obtain"]


def steps(given: ReleaseInput) -> list[tuple[str, str]]:
    return [(step.id, step.kind) for step in obtaining(plan_release([given]))]


def facts(plan: Plan, kind: str) -> Iterator[Any]:
    for step in plan.steps:
        if isinstance(step.operands, Record) and step.operands.fact["kind"] == kind:
            yield step.operands.fact


def test_each_platform_is_built_and_recorded_and_then_assembled_to_one_image() -> None:
    plan = plan_release([several()])
    assert steps(several()) == [
        ("obtain:app:linux/amd64", "build-image"),
        ("obtain:app:linux/arm64", "build-image"),
        ("record:built-platform:app:linux/amd64", "record"),
        ("record:built-platform:app:linux/arm64", "record"),
        ("assemble:app", "assemble"),
        ("record:built:app", "record"),
    ]
    by_id = {step.id: step for step in obtaining(plan)}
    assert by_id["obtain:app:linux/arm64"].needs == ("obtain:app:linux/amd64",)  # one build at a time
    assert by_id["record:built-platform:app:linux/amd64"].needs == ("obtain:app:linux/amd64",)
    assert by_id["assemble:app"].needs == ("obtain:app:linux/amd64", "obtain:app:linux/arm64")
    assert set(by_id["record:built:app"].needs) >= {"assemble:app", "record:built-platform:app:linux/arm64"}
    operands = by_id["assemble:app"].operands
    assert isinstance(operands, Assemble)
    assert [one.platform for one in operands.parts] == [AMD, ARM]
    assert operands.annotations == {"team": "a"}
    assert unbound(operands) == ("image:app:linux/amd64", "image:app:linux/arm64", "image:app")


def test_image_checks_wait_for_the_assembled_image_of_all_platforms() -> None:
    check = ImageCheck(name="scan", run=("true",), timeout=5)
    (step,) = [
        one for one in obtaining(plan_release([several(checks=(check,))])) if one.kind == "check-image"
    ]
    assert step.needs == ("assemble:app",)


@pytest.mark.parametrize(
    "changes",
    [
        {"build": msgspec.structs.replace(TWO, platforms=(AMD,))},
        {"build": msgspec.structs.replace(TWO, platforms=(ARM, "linux/arm64/v8"))},
        {"build": msgspec.structs.replace(TWO, platforms=())},
        {"makes_index": None},
    ],
    ids=["one", "one in two spellings", "the builder's own", "no builder asked"],
)
def test_an_image_for_one_platform_has_one_build_step_and_one_record(changes: dict[str, Any]) -> None:
    assert steps(several(**changes)) == [("obtain:app", "build-image"), ("record:built:app", "record")]


def test_a_builder_that_makes_the_index_of_all_platforms_has_one_build_step() -> None:
    plan = plan_release([several(makes_index=True)])
    assert steps(several(makes_index=True)) == [
        ("obtain:app", "build-image"),
        ("record:built-platform:app:linux/amd64", "record"),
        ("record:built-platform:app:linux/arm64", "record"),
        ("assemble:app", "assemble"),
        ("record:built:app", "record"),
    ]
    (fact, _) = facts(plan, "built-platform")
    assert fact["attestations"] == Slot(slot="attestations:app:linux/amd64", optional=True)
    assert fact["index"] == Slot(slot="image:app")


def test_only_the_platform_whose_image_is_missing_is_built() -> None:
    given = several(recorded=Recorded(parts=(part(),)), places=(having(),))
    assert needs_build(given)
    plan = plan_release([given])
    kinds = {step.id: step.kind for step in obtaining(plan)}
    assert kinds["obtain:app:linux/amd64"] == "find-image"
    assert kinds["obtain:app:linux/arm64"] == "build-image"
    assert "record:built-platform:app:linux/amd64" not in kinds
    found, built = (step.operands for step in obtaining(plan)[:2])
    assert isinstance(found, FindImage)
    assert isinstance(built, BuildImage)
    assert (found.digest, found.sources, found.mode) == (DIGESTS[AMD], (STORE,), "resume")
    assert found.said == having().image
    assert built.platform == ARM


def test_nothing_is_built_if_the_image_of_every_platform_exists() -> None:
    recorded = Recorded(parts=(part(), part(ARM)))
    given = several(recorded=recorded, places=(having(), having(ARM, IMAGE)), makes_index=None)
    assert not needs_build(given)
    assert steps(given) == [
        ("obtain:app:linux/amd64", "find-image"),
        ("obtain:app:linux/arm64", "find-image"),
        ("assemble:app", "assemble"),
        ("record:built:app", "record"),
    ]
    assert "check-builder:app" not in {step.id for step in plan_release([given]).steps}


WHOLE = "sha256:" + "3" * 64


def within(**changes: Any) -> ReleaseInput:
    """Return a release whose two images are recorded as those of one index, which is in the store."""
    parts = tuple(part(each, index=WHOLE, attested=True) for each in (AMD, ARM))
    index = has(STORE, WHOLE, platforms=(AMD, ARM), inputs=INPUTS_LABEL)
    given: dict[str, Any] = {"recorded": Recorded(parts=parts), "places": (having(), having(ARM), index)}
    return several(**{**given, "makes_index": True, **changes})


def assembled(given: ReleaseInput) -> Assemble:
    operands = next(step.operands for step in obtaining(plan_release([given])) if step.kind == "assemble")
    assert isinstance(operands, Assemble)
    return operands


def test_the_recorded_index_of_a_builder_stays_as_it_is_with_its_attestations() -> None:
    assert not needs_build(within())
    assert [kind for _, kind in steps(within())] == ["find-image", "find-image", "assemble", "record"]
    assert (assembled(within()).image, assembled(within()).place) == (WHOLE, STORE)


def test_an_index_that_nobody_has_or_that_has_other_labels_is_made_anew_unless_it_had_attestations() -> None:
    *images, index = within().places or ()
    other = msgspec.structs.replace(index, image=msgspec.structs.replace(index.image, inputs=None))
    for places in (tuple(images), (*images, other)):
        assert dict(steps(within(places=places)))["obtain:app"] == "build-image"
        plain = Recorded(parts=tuple(part(each, index=WHOLE) for each in (AMD, ARM)))
        assert isinstance(assembled(within(recorded=plain, places=places)).image, Slot)


def test_images_of_two_builds_do_not_become_the_index_of_one() -> None:
    parts = (part(index=WHOLE), part(ARM, index="sha256:" + "4" * 64))
    assert isinstance(assembled(within(recorded=Recorded(parts=parts))).image, Slot)


def test_platform_with_attestations_or_of_a_builder_that_makes_the_index_is_built_again() -> None:
    attested = several(recorded=Recorded(parts=(part(attested=True),)), places=(having(),))
    assert dict(steps(attested))["obtain:app:linux/amd64"] == "build-image"
    whole = several(recorded=Recorded(parts=(part(),)), places=(having(),), makes_index=True)
    assert dict(steps(whole))["obtain:app"] == "build-image"


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"revision": "e" * 40}, "it says commit"),
        ({"version": "1.4.1"}, "it says version 1.4.1"),
        ({"platforms": (ARM,)}, "it is for linux/arm64, not linux/amd64"),
        ({"disputed": ("x",)}, "disagree"),
        ({"cause": "the config is not JSON"}, "cannot be read as an image"),
        ({"inputs": "shipmark.inputs/1:" + "2" * 64}, None),
        ({"inputs": None}, None),
        ({"state": "unknown"}, None),
    ],
)
def test_a_recorded_platform_image_without_the_labels_of_this_release_is_built_again(
    said: dict[str, Any], words: str | None
) -> None:
    """A digest in the log alone is not trusted: whoever can write the log could put another image there."""
    given = several(recorded=Recorded(parts=(part(),)), places=(having(**said),))
    assert dict(steps(given))["obtain:app:linux/amd64"] == "build-image"
    (release,) = plan_release([given]).releases
    about = [text for text in release.decision.warnings if DIGESTS[AMD] in text]
    assert bool(about) == (words is not None)
    assert all(words in text and text.endswith("it is built again") for text in about if words)


def test_the_newest_recorded_platform_image_with_the_labels_of_this_release_is_taken() -> None:
    """An image of another release that was recorded later does not hide the right one."""
    newest = part(digest=DIGESTS[ARM])
    places = (having(), having(ARM, revision="e" * 40))
    given = several(recorded=Recorded(parts=(part(), newest)), places=places)
    assert dict(steps(given))["obtain:app:linux/amd64"] == "find-image"
    many = tuple(part(digest="sha256:" + f"{number:064x}") for number in range(9))
    given = several(recorded=Recorded(parts=(part(), *many)), places=places)
    assert dict(steps(given))["obtain:app:linux/amd64"] == "build-image"


@pytest.mark.parametrize(
    ("before", "kind"),
    [
        ({"platforms": (AMD,)}, "find-image"),
        ({"platforms": (AMD, ARM, "linux/s390x")}, "find-image"),
        ({"context": "elsewhere"}, "build-image"),
        ({"args": {"A": "1"}}, "build-image"),
    ],
)
def test_a_recorded_platform_is_used_after_a_change_of_the_platforms_but_not_of_other_inputs(
    before: dict[str, Any], kind: str
) -> None:
    spec = msgspec.structs.replace(TWO, **before)
    recorded = Recorded(parts=(part(),), inputs=inputs_of(spec, LABELLED.labels))
    assert dict(steps(several(recorded=recorded, places=(having(),))))["obtain:app:linux/amd64"] == kind


def entry(platform: str, *about: str) -> PlatformEntry:
    def described(digest: str) -> Descriptor:
        return Descriptor(media_type=OCI_MANIFEST, digest=digest, size=1)

    return PlatformEntry(
        platform=platform, image=described(DIGESTS[platform]), attestations=tuple(map(described, about))
    )


def supplied(*, joined: bool) -> ReleaseInput:
    """Return a release of the images of `--from`; the image of the first platform has an attestation."""
    digest = "sha256:" + "f" * 64
    supply = Supply(
        digest=digest,
        places=("oci:a", "oci:b") if joined else ("oci:a",),
        said=Held(
            target=FROM, tag=digest, state="held", digest=digest, revision=COMMIT, platforms=(AMD, ARM)
        ),
        parts=(entry(AMD, "sha256:" + "9" * 64), entry(ARM)),
        joined=joined,
    )
    return several(supply=supply, makes_index=None)


def test_platform_images_of_several_from_options_are_recorded_and_assembled_to_one_image() -> None:
    assert steps(supplied(joined=True)) == [
        ("obtain:app:linux/amd64", "find-image"),
        ("obtain:app:linux/arm64", "find-image"),
        ("record:built-platform:app:linux/amd64", "record"),
        ("record:built-platform:app:linux/arm64", "record"),
        ("assemble:app", "assemble"),
        ("record:built:app", "record"),
    ]
    assert steps(supplied(joined=False)) == [
        ("obtain:app", "find-image"),
        ("record:built-platform:app:linux/amd64", "record"),
        ("record:built-platform:app:linux/arm64", "record"),
        ("assemble:app", "assemble"),
        ("record:built:app", "record"),
    ]
    for joined in (True, False):
        first, second = facts(plan_release([supplied(joined=joined)]), "built-platform")
        assert (first["platform"], first["digest"], first["via"]) == (AMD, DIGESTS[AMD], "from")
        assert first["attestations"] == ("sha256:" + "9" * 64,)
        assert second["digest"] == DIGESTS[ARM]
        assert "builder" not in first
