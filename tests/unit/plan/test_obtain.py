"""How a release gets its image: an image that the log or a tag names counts only if its own labels agree."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from release.errors import InputsChanged, RefusedError, RegistryError, TagConflict
from release.plan.evidence import STORE, ContentSource, Recorded
from release.plan.obtain import choose
from release.plan.ownership import Expectation
from release.plan.ways import Obtain
from release.tagging.labels import INPUTS, PLATFORM, REVISION
from release.tagging.model import Held, HeldTags
from tests.support.releases.subjects import COMMIT, DECISION, DIGEST, IMAGE, OTHER, SHA, has, holds

OURS = "shipmark.inputs/1:" + "1" * 64
FAT = "shipmark.inputs/1:" + "2" * 64
BOTH = ("linux/amd64", "linux/arm64")
EXPECTED = Expectation(commit=COMMIT, version="1.4.2", inputs=OURS)
BUILT = Recorded(digest=DIGEST, attempt="first", inputs={"context": "."})
PUSHED = msgspec.structs.replace(BUILT, pushed=(IMAGE,))
NOW = {"context": "."}


def chosen(
    recorded: Recorded = BUILT,
    *places: ContentSource,
    expected: Expectation = EXPECTED,
    held: HeldTags | None = None,
    inputs: dict[str, Any] = NOW,
    reuse: bool = False,
) -> Obtain:
    return choose(DECISION, expected, held or holds({}), recorded, places, inputs, reuse=reuse)


RIGHT: dict[str, Any] = {"inputs": OURS}
ANOTHER: list[tuple[dict[str, Any], str]] = [
    ({"revision": "f" * 40}, f"it says commit {'f' * 40}, not {COMMIT}"),
    ({"revision": None}, "it says commit nothing"),
    ({"version": "1.4.1"}, "it says version 1.4.1, not 1.4.2"),
    ({"version": None}, "it says version nothing"),
    ({"revision": None, "disputed": (REVISION,)}, f"its platforms disagree about `{REVISION}`"),
    ({"disputed": (PLATFORM,)}, f"its platforms disagree about `{PLATFORM}`"),
    ({"disputed": (INPUTS,), "inputs": None}, f"its platforms disagree about `{INPUTS}`"),
    ({"platforms": ("linux/amd64",)}, "it is for linux/amd64, not linux/amd64, linux/arm64"),
    ({"platforms": ()}, "it is for no platform"),
    ({"cause": "not JSON"}, "it cannot be read as an image: not JSON"),
]
EXPECTED_BOTH = msgspec.structs.replace(EXPECTED, platforms=BOTH)


class TestResume:
    """Resuming the image in the log, which counts only if the image's labels agree with the log."""

    @pytest.mark.parametrize("where", [STORE, IMAGE])
    @pytest.mark.parametrize(("said", "why"), ANOTHER)
    def test_recorded_image_that_contradicts_the_release_is_built_again_if_not_yet_pushed(
        self, where: str, said: dict[str, Any], why: str
    ) -> None:
        place = has(where, **{**RIGHT, "platforms": BOTH, **said})
        found = chosen(BUILT, place, expected=EXPECTED_BOTH)
        assert (found.mode, found.false) == ("build", True)
        assert why in (found.abandons or "")
        assert DIGEST in (found.abandons or "")

    @pytest.mark.parametrize(("said", "why"), ANOTHER)
    def test_recorded_image_that_contradicts_the_release_is_refused_once_pushed_or_released(
        self, said: dict[str, Any], why: str
    ) -> None:
        place = has(IMAGE, **{**RIGHT, "platforms": BOTH, **said})
        for recorded in (PUSHED, msgspec.structs.replace(BUILT, released=True)):
            with pytest.raises(RefusedError) as caught:
                chosen(recorded, place, expected=EXPECTED_BOTH)
            assert why in caught.value.message
            assert caught.value.hint

    @pytest.mark.parametrize("recorded", [BUILT, PUSHED])
    def test_registry_with_unreadable_labels_is_no_source_of_a_recorded_image(
        self, recorded: Recorded
    ) -> None:
        silent = Held(target=IMAGE, tag=DIGEST, state="unknown", digest=DIGEST, cause="timed out")
        with pytest.raises(RegistryError, match="timed out"):
            chosen(recorded, ContentSource(name=IMAGE, digest=DIGEST, image=silent))
        found = chosen(recorded, ContentSource(name=IMAGE, digest=DIGEST, image=silent), has(STORE, **RIGHT))
        assert (found.mode, found.sources) == ("resume", (STORE,))

    @pytest.mark.parametrize("inputs", [None, "other/7:abc", "no schema", ""])
    def test_recorded_image_without_a_comparable_inputs_label_is_unlabelled(self, inputs: str | None) -> None:
        found = chosen(BUILT, has(inputs=inputs))
        assert (found.mode, found.unlabelled) == ("resume", True)
        assert not chosen(BUILT, has(**RIGHT)).unlabelled

    def test_image_from_other_build_inputs_in_the_local_store_only_is_built_again(self) -> None:
        found = chosen(BUILT, has(STORE, inputs=FAT))
        assert (found.mode, found.false) == ("build", False)
        assert "was built from other inputs" in (found.abandons or "")

    @pytest.mark.parametrize(("recorded", "where"), [(BUILT, IMAGE), (PUSHED, IMAGE), (PUSHED, STORE)])
    def test_image_from_other_build_inputs_is_refused_once_it_was_pushed_or_a_registry_has_it(
        self, recorded: Recorded, where: str
    ) -> None:
        with pytest.raises(InputsChanged, match=f"its label `{INPUTS}` differs"):
            chosen(recorded, has(where, inputs=FAT))
        with pytest.raises(InputsChanged, match=r'another `context`: `"\."` then, `"src"` now'):
            chosen(recorded, has(where, inputs=FAT), inputs={"context": "src"})

    def test_where_nobody_is_asked_the_log_alone_tells_of_the_recorded_image(self) -> None:
        def by_the_log(recorded: Recorded, inputs: dict[str, Any] = NOW) -> Obtain:
            return choose(DECISION, EXPECTED, holds({}), recorded, None, inputs, reuse=False)

        for recorded, sources in ((BUILT, (STORE,)), (PUSHED, (IMAGE,))):
            found = by_the_log(recorded)
            assert (found.mode, found.sources, found.abandons) == ("resume", sources, None)
        assert "other inputs" in (by_the_log(BUILT, {"context": "src"}).abandons or "")
        with pytest.raises(InputsChanged):
            by_the_log(PUSHED, {"context": "src"})
        assert by_the_log(Recorded()).mode == "build"

    def test_labels_that_the_config_sets_are_expected_of_a_recorded_image(self) -> None:
        mine = msgspec.structs.replace(EXPECTED, revision="mine", version="one")
        assert chosen(BUILT, has(**RIGHT), expected=mine).mode == "build"
        place = has(**{**RIGHT, "revision": "mine", "version": "one"})
        assert chosen(BUILT, place, expected=mine).mode == "resume"

    @pytest.mark.parametrize(
        ("wanted", "there", "fits"),
        [
            (("linux/arm64/v8",), ("linux/arm64",), True),
            (("linux/arm64",), ("linux/arm64/v8",), True),
            (("linux/arm",), ("linux/arm/v7",), True),
            (("linux/arm/v6",), ("linux/arm/v7",), False),
            (("linux/arm/v7",), ("linux/arm",), True),
            (("linux/amd64",), ("linux/amd64/v3",), False),
            (BOTH, BOTH[::-1], True),
            (BOTH, (*BOTH, "linux/s390x"), False),
            ((), ("linux/s390x",), True),
        ],
    )
    def test_platforms_of_a_recorded_image_are_compared_without_order_and_with_optional_variants(
        self, wanted: tuple[str, ...], there: tuple[str, ...], fits: bool
    ) -> None:
        expected = msgspec.structs.replace(EXPECTED, platforms=wanted)
        found = chosen(BUILT, has(**RIGHT, platforms=there), expected=expected)
        assert (found.mode == "resume") is fits


class TestAdopt:
    """Adopting an image of the release that a target holds and the log does not have."""

    def test_tagged_image_from_other_build_inputs_is_refused_and_not_adopted(self) -> None:
        with pytest.raises(InputsChanged, match=f"`{IMAGE}:1.4.2` is this version of this commit") as caught:
            chosen(Recorded(), held=holds({"1.4.2": OTHER}, inputs=FAT))
        assert "suffix" in (caught.value.hint or "")

    def test_refusal_of_an_image_names_the_input_that_the_log_recorded(self) -> None:
        with pytest.raises(InputsChanged, match="another `dockerfile`"):
            chosen(
                Recorded(inputs={"dockerfile": "Dockerfile.fat"}), held=holds({"1.4.2": OTHER}, inputs=FAT)
            )

    def test_tagged_image_for_other_platforms_is_not_adopted(self) -> None:
        held = holds({"1.4.2": OTHER}, inputs=OURS, platforms=("linux/amd64",))
        assert chosen(Recorded(), held=held, expected=EXPECTED_BOTH).mode == "build"

    @pytest.mark.parametrize("inputs", [None, "other/7:abc"])
    def test_image_without_an_inputs_label_is_adopted_as_unlabelled(self, inputs: str | None) -> None:
        found = chosen(Recorded(), held=holds({"1.4.2": OTHER}, inputs=inputs))
        assert (found.mode, found.digest, found.unlabelled) == ("adopt", OTHER, True)

    def test_tagged_image_of_another_commit_is_not_used_although_the_log_names_its_digest(self) -> None:
        """The log names a digest that no target serves by digest; the tag that holds it is of another commit."""
        held = holds({"1.4.2": DIGEST}, revision="f" * 40, inputs=OURS)
        assert chosen(BUILT, held=held).mode == "build"
        assert chosen(PUSHED, held=held).mode == "build"  # and the conflict is preflight's

    def test_tagged_image_replaces_a_recorded_image_of_another_commit(self) -> None:
        false = has(IMAGE, **{**RIGHT, "revision": "f" * 40})
        found = chosen(BUILT, false, held=holds({"1.4.2": OTHER}, inputs=OURS))
        assert (found.mode, found.digest, found.false) == ("adopt", OTHER, True)
        assert DIGEST in (found.abandons or "")

    def test_image_from_other_build_inputs_under_the_commit_tag_is_not_adopted(self) -> None:
        found = chosen(Recorded(), held=holds({SHA: OTHER}, inputs=FAT))
        assert found.mode == "build"

    def test_two_images_of_one_release_are_a_conflict(self) -> None:
        held = HeldTags(
            held=holds({"1.4.2": DIGEST}, inputs=OURS).held
            + holds({"1.4.2": OTHER}, target="r.example/b", inputs=OURS).held
        )
        with pytest.raises(TagConflict):
            chosen(Recorded(), held=held)


class TestReuse:
    """`reuse: commit` releases the branch build of the commit, whose version label is not the release version."""

    BRANCH = "1.4.2-dev.3.g3f2a9c1b7d40"

    def test_with_reuse_the_branch_build_of_the_commit_is_reused_and_resumed(self) -> None:
        held = holds({SHA: DIGEST}, version=self.BRANCH, inputs=OURS)
        assert chosen(Recorded(), held=held, reuse=True).mode == "reuse"
        place = has(IMAGE, **{**RIGHT, "version": self.BRANCH})
        assert chosen(BUILT, place, held=held, reuse=True).mode == "resume"
        assert chosen(BUILT, place, held=held).mode == "build"

    def test_reused_image_is_resumed_although_its_commit_tag_was_deleted(self) -> None:
        held = holds({"1.4.2": DIGEST}, version=self.BRANCH, inputs=OURS)
        place = has(IMAGE, **{**RIGHT, "version": self.BRANCH})
        assert chosen(PUSHED, place, held=held, reuse=True).mode == "resume"

    def test_branch_build_under_the_commit_tag_replaces_an_image_of_another_version(self) -> None:
        place = has(IMAGE, **{**RIGHT, "version": "1.4.2-rc.1"})
        held = holds({SHA: OTHER}, version=self.BRANCH, inputs=OURS)
        found = chosen(BUILT, place, held=held, reuse=True)
        assert (found.mode, found.digest, found.false) == ("reuse", OTHER, True)

    def test_reuse_of_a_branch_build_from_other_build_inputs_is_refused(self) -> None:
        held = holds({SHA: OTHER}, version=self.BRANCH, inputs=FAT)
        with pytest.raises(InputsChanged):
            chosen(Recorded(), held=held, reuse=True)
