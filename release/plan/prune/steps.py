"""Makes the steps that only prunes and their undoing have, with one method for each step kind. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from release.plan.model import Operands, Step
from release.plan.prune import operands as po
from release.plan.release_input import Target
from release.plan.steps import Ids, StepMaker


class PruneStepMaker(StepMaker):
    """Makes the steps of one prune, or of one undoing of a prune."""

    def save_manifests(
        self, target: str, digests: Mapping[str, tuple[str, ...]], *, of: str, follows: int | None
    ) -> Step:
        """The step that records manifests, with their tags, before a prune deletes them."""
        project = str(self.common.get("project", ""))
        operands = po.SaveManifests(target=target, project=project, digests=digests, follows=follows)
        return self._prune(target, "save", "save-manifests", "saved", operands, of=of)

    def trash_manifest(self, operands: po.TrashManifest, *, needs: Ids) -> Step:
        """The step that copies a manifest into a trash before it is deleted."""
        of = operands.digest
        return self._prune(operands.target, "trash", "trash-manifest", "saved", operands, of=of, needs=needs)

    def delete_manifest(self, operands: po.DeleteManifest, *, needs: Ids) -> Step:
        """The step that deletes a manifest and all of its tags."""
        of = operands.digest
        return self._prune(
            operands.target, "delete", "delete-manifest", "deleted", operands, of=of, needs=needs
        )

    def delete_tag(self, operands: po.DeleteTag, *, needs: Ids) -> Step:
        """The step that deletes one tag and leaves its digest."""
        of = operands.tag
        return self._prune(operands.target, "untag", "delete-tag", "deleted", operands, of=of, needs=needs)

    def settle_prune(self, operands: po.SettlePrune) -> Step:
        """The step that reads every tag of the target back, and puts back what a deletion took from a tag."""
        return self._prune(operands.target, "settle", "settle-prune", "settled", operands)

    def restore_manifest(self, operands: po.RestoreManifest, *, after: Ids) -> Step:
        """The step that puts a pruned manifest and its tags back."""
        of = operands.digest
        return self._prune(
            operands.target, "restore", "restore-manifest", "restored", operands, of=of, after=after
        )

    def _prune(
        self,
        target: str,
        name: str,
        kind: str,
        phase: str,
        operands: Operands,
        *,
        of: str = "",
        needs: Ids = (),
        after: Ids = (),
    ) -> Step:
        """A step of a prune. Not required: what fails for one digest stops neither the others nor their records."""
        place = Target(name=target, required=False)
        return self.at(place, name, kind, phase, operands, of=of, needs=needs, after=after)
