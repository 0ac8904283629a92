"""Where a builder may push an image by digest, and where the plan then looks for the image."""

from __future__ import annotations

from typing import Any, Literal

import pytest

from release.app.obtain.destinations import destination_of
from release.build_spec import BuildSpec
from release.plan.release import plan_release
from release.plan.release_input import ImageCheck, Target
from tests.support.releases.subjects import IMAGE, subject

HERE = Target(name=IMAGE)
COPY = Target(name="ghcr.io/acme/copy")
ELSEWHERE = Target(name="quay.io/acme/app")
LAYOUT = Target(name="oci:dist/image")
OPTIONAL = Target(name="ghcr.io/acme/extra", required=False)
CHECK = ImageCheck(name="scan", run=("true",), timeout=1)


@pytest.mark.parametrize(
    ("targets", "checks", "auto", "by_digest"),
    [
        ((HERE,), (), HERE, HERE),
        ((HERE, COPY), (), HERE, HERE),
        ((OPTIONAL, HERE), (), HERE, HERE),
        ((HERE, ELSEWHERE), (), None, HERE),
        ((LAYOUT, HERE), (), None, HERE),
        ((HERE,), (CHECK,), None, HERE),
        ((LAYOUT,), (), None, None),
        ((OPTIONAL,), (), None, None),
    ],
)
def test_a_builder_pushes_to_the_first_required_registry_target_unless_the_image_is_needed_here(
    targets: tuple[Target, ...],
    checks: tuple[ImageCheck, ...],
    auto: Target | None,
    by_digest: Target | None,
) -> None:
    modes: tuple[tuple[Literal["auto", "by-digest", "by-client"], Target | None], ...] = (
        ("auto", auto),
        ("by-digest", by_digest),
        ("by-client", None),
    )
    for push, expected in modes:
        found = destination_of(subject(targets=targets, checks=checks, build=BuildSpec(push=push)))
        assert found == (None if expected is None else expected.name), push


def test_every_step_finds_the_image_first_where_the_builder_pushed_it() -> None:
    both = BuildSpec(builder="buildkit", platforms=("linux/amd64", "linux/arm64"))
    release = {"build": both, "makes_index": True, "targets": (HERE, COPY), "checks": (CHECK,)}
    assert _places({**release}) == {"build-image": None, "assemble": "store"}
    assert _places({**release, "pushes_to": IMAGE}) == {"build-image": IMAGE, "assemble": IMAGE}
    plan = plan_release([subject(**release, pushes_to=IMAGE)])
    sources = {step.id: step.operands.sources for step in plan.steps if hasattr(step.operands, "sources")}
    assert set(sources.values()) == {(IMAGE, "store")}
    assert len(sources) == 3


def _places(release: dict[str, Any]) -> dict[str, str | None]:
    plan = plan_release([subject(**release)])
    kinds = ("build-image", "assemble")
    return {step.kind: getattr(step.operands, "place", None) for step in plan.steps if step.kind in kinds}
