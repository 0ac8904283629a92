"""What holds for every prune: nothing that stays breaks, and a keep rule, an order or an error never deletes more."""

from __future__ import annotations

import os

from hypothesis import given, settings
from hypothesis import strategies as st

from release.retention.decide import decide
from release.retention.decision import Decision
from release.retention.policy import Policy
from tests.support.retention.model import KEEP, Registry, Scene, policy, scenes

# Examples of each property: `make soak` tries more of them.
FEW = settings(max_examples=int(os.environ.get("SHIPMARK_EXAMPLES") or 40))


def decided(scene: Scene, registry: Registry | None = None, *, backwards: bool = False) -> Decision:
    held = (registry or scene.registry).inventory(backwards=backwards)
    return decide(scene.policy, held, scene.in_use, scene.history)


def gone(decision: Decision) -> set[str]:
    """Return every digest and tag that a decision deletes."""
    tags = {tag for one in decision.deletions for tag in one.tags} | {one.tag for one in decision.untags}
    return tags | {one.digest for one in decision.deletions}


@FEW
@given(scenes(), st.integers(0, 20))
def test_every_remaining_tag_can_be_pulled_wherever_a_prune_stops(scene: Scene, steps: int) -> None:
    before = set(scene.registry.broken())
    decision = decided(scene)
    scene.registry.delete(decision, steps=steps)
    assert set(scene.registry.broken()) <= before
    scene.registry.delete(decided(scene))
    assert set(scene.registry.broken()) <= before


@FEW
@given(scenes(), st.sampled_from(KEEP))
def test_one_more_keep_rule_never_deletes_more(scene: Scene, rule: str) -> None:
    more = policy(f"delete: [{{match: x}}]\nkeep: [{rule}]").keep
    widened = Policy(
        **{
            **{name: getattr(scene.policy, name) for name in Policy.__struct_fields__},
            "keep": (*scene.policy.keep, *more),
        }
    )
    assert gone(decided(scene._replace(policy=widened))) <= gone(decided(scene))


@FEW
@given(scenes())
def test_second_prune_deletes_nothing(scene: Scene) -> None:
    scene.registry.delete(decided(scene))
    assert gone(decided(scene)) == set()


@FEW
@given(scenes())
def test_order_of_the_listing_does_not_change_the_plan(scene: Scene) -> None:
    one, other = decided(scene), decided(scene, backwards=True)
    assert (one.deletions, one.untags, one.shared) == (other.deletions, other.untags, other.shared)


@FEW
@given(scenes(), st.integers(0, 20))
def test_prune_that_was_stopped_deletes_in_the_end_what_an_uninterrupted_one_deletes(
    scene: Scene, steps: int
) -> None:
    whole = decided(scene)
    scene.registry.delete(whole, steps=steps)
    left = set(scene.registry.manifests)
    begun = frozenset(one.digest for one in whole.deletions)
    history = type(scene.history)(
        **{
            **{name: getattr(scene.history, name) for name in scene.history.__struct_fields__},
            "pruned": scene.history.pruned | begun,
        }
    )
    again = decided(scene._replace(history=history))
    assert gone(again) <= gone(whole)
    scene.registry.delete(again)
    assert left - set(scene.registry.manifests) == begun & left


@FEW
@given(scenes(), st.data())
def test_what_could_not_be_read_is_kept_and_never_enlarges_the_deletions(
    scene: Scene, data: st.DataObject
) -> None:
    lost = data.draw(st.sampled_from(sorted(scene.registry.manifests)))
    before = gone(decided(scene))
    held = scene.registry.manifests[lost]
    scene.registry.manifests[lost] = type(held)(
        **{**{name: getattr(held, name) for name in held.__struct_fields__}, "fault": "time-out"}
    )
    after = decided(scene)
    assert lost not in gone(after)
    assert gone(after) <= before
