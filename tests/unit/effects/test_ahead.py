"""Which registry gets the layers of a component before its image is pushed."""

from __future__ import annotations

from release.effects.ahead import targets_ahead
from release.plan.release import plan_release
from release.plan.release_input import ImageCheck, Target
from tests.support.releases.subjects import IMAGE, subject


def test_layers_are_sent_ahead_to_the_first_registry() -> None:
    layout = Target(name="oci:dist/image")
    registries = (Target(name=IMAGE), Target(name="quay.io/acme/app"))
    assert targets_ahead(plan_release([subject(targets=(layout, *registries))])) == {"app": IMAGE}


def test_no_layer_is_sent_ahead_for_an_image_with_a_check() -> None:
    check = ImageCheck(name="scan", run=("true",), timeout=5)
    assert targets_ahead(plan_release([subject(checks=(check,))])) == {}
