"""Which registry gets the layers of a component before its image is pushed."""

from __future__ import annotations

from release.effects.ahead import targets_ahead
from release.plan.release import plan_release
from release.plan.release_input import ImageCheck, Target
from tests.support.releases.subjects import IMAGE, subject


def test_layers_go_ahead_to_the_first_registry() -> None:
    layout = Target(name="oci:dist/image")
    registries = (Target(name=IMAGE), Target(name="quay.io/acme/app"))
    assert targets_ahead(plan_release([subject(targets=(layout, *registries))])) == {"app": IMAGE}


def test_no_layer_goes_ahead_of_an_image_that_a_check_may_refuse() -> None:
    check = ImageCheck(name="scan", run=("true",), timeout=5)
    assert targets_ahead(plan_release([subject(checks=(check,))])) == {}
