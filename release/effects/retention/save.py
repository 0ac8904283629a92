"""Records manifests in the version log before a prune deletes them, and reads them from there to put them back."""

from __future__ import annotations

import base64
import threading
from collections.abc import Mapping
from functools import partial
from typing import Any

from release.control import Cancel
from release.errors import NotFound
from release.handler import Work
from release.log import LogWriter
from release.log.answers.retained import Saved, saved_digests, saved_manifests
from release.oci import Manifest, Registries
from release.oci.manifest import read_manifest
from release.plan.model import Bindings, Done, Free, Judgement
from release.plan.prune.operands import SaveManifests
from release.task_group import run_all

# Characters of base64 in one record: the rest of the 256 KiB of a log line is for the other members.
_PART = 160 * 1024
# Concurrent requests for manifests, which are small: time goes into round trips.
_QUESTIONS = 16


class SavedManifests:
    """The handler of `save-manifests` steps. `context`: members for every fact of this run."""

    kind = SaveManifests

    def __init__(
        self, registries: Registries, log: LogWriter, context: Mapping[str, Any], *, cancel: Cancel
    ) -> None:
        self._registries = registries
        self._log = log
        self._context = context
        self._cancel = cancel

    def describe(self, operands: SaveManifests) -> str:
        """The line that the preview prints for the step."""
        return f"record {len(operands.digests)} manifests of {operands.target}, so that they can be put back"

    def observe(self, work: Work[SaveManifests]) -> tuple[str, ...]:
        """The digests that are not recorded yet."""
        # One read of the log for all digests: a log in a git repository is fetched for every question.
        recorded = saved_digests(work.operands.target, work.operands.follows, self._log.entries())
        return tuple(digest for digest in work.operands.digests if digest not in recorded)

    def judge(self, work: Work[SaveManifests], seen: tuple[str, ...]) -> Judgement:
        """Done if every manifest is recorded, else free."""
        del work
        return Free(reason=f"{len(seen)} manifests to record") if seen else Done(reason="recorded")

    def act(self, work: Work[SaveManifests], seen: tuple[str, ...]) -> Bindings:
        """Read the manifests, and append them to the log in one batch."""
        repository = self._registries.open(work.operands.target)
        tasks = [partial(repository.manifest, digest) for digest in seen]
        manifests = run_all(tasks, jobs=_QUESTIONS, cancel=self._cancel)
        facts = [fact for manifest in manifests for fact in self._facts(work.operands, manifest)]
        # The last part first: `observe` looks for part 1, which then says that the others are there.
        self._log.append([{**self._context, **fact} for fact in reversed(facts)])
        return Bindings()

    def _facts(self, operands: SaveManifests, manifest: Manifest) -> list[dict[str, Any]]:
        text = base64.b64encode(manifest.raw).decode()
        pieces = [text[start : start + _PART] for start in range(0, len(text), _PART)]
        return [
            {
                **_identity(operands, manifest.digest),
                "project": operands.project,
                "media_type": manifest.media_type,
                "content": piece,
                "part": number,
                "parts": len(pieces),
                "tags": operands.digests[manifest.digest],
            }
            for number, piece in enumerate(pieces, start=1)
        ]


def _identity(operands: SaveManifests, digest: str) -> dict[str, Any]:
    """The members of the first part of a saved manifest that make its id."""
    fact = {"kind": "saved-manifest", "target": operands.target, "digest": digest, "part": 1}
    return fact if operands.follows is None else {**fact, "follows": operands.follows}


class Vault:
    """The manifests that prunes recorded in the version log. Thread-safe."""

    def __init__(self, log: LogWriter) -> None:
        self._log = log
        # Guards `_saved`, which deletions of several repositories fill.
        self._lock = threading.Lock()
        self._saved: dict[str, dict[str, Saved]] = {}

    def manifest(self, target: str, digest: str) -> Manifest:
        """The manifest of a target. Raises `NotFound`, and `DigestMismatch` for a damaged one."""
        with self._lock:
            if digest not in self._saved.get(target, {}):
                self._saved[target] = saved_manifests(target, self._log.entries())
            saved = self._saved[target].get(digest)
        if saved is None:
            raise NotFound(
                f"the version log has no manifest `{digest}` of `{target}`",
                hint="`shipmark log list` shows which log this is: the prune may have been recorded in another one",
            )
        return read_manifest(saved.raw, saved.media_type, expected=digest, source="the version log")
