"""What git says in one command: of the clone, and of its remote. Each is asked once, at its first use."""

from __future__ import annotations

from functools import cached_property, partial
from typing import TYPE_CHECKING

import msgspec

from release.app.component_policy import policy_of
from release.facts import Facts, reconcile
from release.git.model import RemoteRefs, Snapshot
from release.tagging.model import TagPolicy

if TYPE_CHECKING:
    from release.app.session import Session
    from release.git.command import Git
    from release.git.completed import Completed


class GitState:
    """The state of the clone of `session`, and of its remote."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._snapshots: dict[tuple[str, str, str, bool], Snapshot] = {}
        self._completed: dict[tuple[str, str, str, bool], Completed] = {}
        self._histories: dict[bool, Git | None] = {}
        self._is_asked = False
        #: Name and object of tags that only the remote has: the type of what they name, "" if it is not known.
        self.tag_kinds: dict[tuple[str, str], str] = {}

    def snapshot(self, policy: TagPolicy) -> Snapshot:
        """The state of the repository, with versions read by the policy; a trusted run with `--deepen` fetches first.

        Raises from the `GitError` branch.
        """
        session, key = self._session, (policy.prefix, policy.base, policy.versions, policy.counted)
        if key not in self._snapshots:
            taken = session.ports.snapshot(session, policy)
            if session.settings.deepen and not self._snapshots and session.may_ask_remote("--deepen"):
                from release.git.write import deepen

                remote = taken.remote or "origin"
                deepen(taken.root, session.settings.env, shallow=taken.shallow, remote=remote)
                taken = session.ports.snapshot(session, policy)
            self._snapshots[key] = self._with_parents(taken)
        return self._snapshots[key]

    def _with_parents(self, taken: Snapshot) -> Snapshot:
        """The snapshot with HEAD's parents, if HEAD may be the merge commit of a request and the clone has no more.

        Which files a request changes depends on the first parent, and whether it is checked out on the second one.
        """
        if taken.parents or not taken.shallow or self._session.ci.pull_request is None:
            return taken
        from release.git.command import Git
        from release.git.describe import stated_parents

        git = Git(self._session.process, taken.root, self._session.settings.env)
        return msgspec.structs.replace(taken, parents=stated_parents(git, taken.head))

    def facts(self, policy: TagPolicy, *, online: bool = False) -> Facts:
        """The facts of the run, from git, the CI system and the clock.

        `online`: also from the remote: the git tags and the history that the clone lacks, and the remote's branches.
        """
        session, now = self._session, self._session.clock.now()
        if online:
            self._is_asked = True
            whole, remote = self._complete(policy), self.remote
            branches = {*remote.heads, *self._tracked_branches(whole.snapshot)}
            read = partial(
                reconcile, whole.snapshot, session.ci, now, remote_branches=branches, remote=remote
            )
        else:
            branches = self._tracked_branches(self.snapshot(policy))
            read = partial(reconcile, self.snapshot(policy), session.ci, now, remote_branches=branches)
        facts = read()
        if (named := self._default_branch_for(facts, policy)) is not None:
            facts = read(default_branch=named)
        if not online:
            return facts
        from release.app.clone_history import warnings_of

        told = warnings_of(session, whole, self.snapshot(policy))
        return msgspec.structs.replace(facts, warnings=(*facts.warnings, *told))

    def _tracked_branches(self, snapshot: Snapshot) -> set[str]:
        """The remote's branches as of the last fetch, where the CI system does not say what its ref is: one process."""
        session = self._session
        if session.ci.ref_name is None or snapshot.remote is None:
            return set()
        from release.git.tracked_refs import tracked_branches

        return set(tracked_branches(session.process, session.root, session.settings.env, snapshot.remote))

    def _default_branch_for(self, facts: Facts, policy: TagPolicy) -> str | None:
        """The default branch according to the clone, if a tag depends on it and the CI system names none."""
        # The `HEAD` of the remote costs one git process, and only some tags depend on the default branch.
        reads_head = policy.follows_default_branch and self._session.ci.default_branch is None
        return self.default_branch if reads_head and facts.branch is not None else None

    @cached_property
    def default_branch(self) -> str | None:
        """The default branch that the `HEAD` of the clone's remote names; None if the clone does not have that ref."""
        from release.git.tracked_refs import clone_default_branch

        session = self._session
        remote = self.any_snapshot().remote
        return clone_default_branch(session.process, session.root, session.settings.env, remote)

    @cached_property
    def remote(self) -> RemoteRefs:
        """The branches and git tags of the clone's remote, asked once; not asked in a run that is not trusted."""
        from release.app.clone_history import ask_remote

        return ask_remote(self._session)

    def completed(self, policy: TagPolicy) -> Snapshot:
        """`snapshot`, completed from the remote: tags that the clone lacks, and history that HEAD's version needs."""
        return self._complete(policy).snapshot

    def _complete(self, policy: TagPolicy) -> Completed:
        key = (policy.prefix, policy.base, policy.versions, policy.counted)
        if key not in self._completed:
            from release.app.clone_history import complete

            self._completed[key] = complete(self._session, policy)
        return self._completed[key]

    def whole_history(self, *, trees: bool = False) -> Git | None:
        """Reads git with HEAD's whole history; None, after a warning, if the clone lacks some and it cannot be fetched.

        `trees`: also with trees, which commands that compare files need.
        """
        if trees not in self._histories:
            from release.app.clone_history import whole_history

            self._histories[trees] = whole_history(self._session, trees=trees)
        return self._histories[trees]

    @cached_property
    def commit_count(self) -> int | None:
        """The number of commits in HEAD's history, which is walked; None if the clone lacks some and they are not here.

        What a shallow clone lacks is fetched only after facts were asked with `online`.
        """
        from release.git.command import Git

        taken, session = self.any_snapshot(), self._session
        reader: Git | None = Git(session.process, taken.root, session.settings.env)
        if taken.shallow:
            reader = self.whole_history() if self._is_asked else None
        return None if reader is None else int(reader.read("rev-list", "--count", taken.head, "--"))

    def any_snapshot(self) -> Snapshot:
        """What git says of the working folder, for questions that do not depend on how versions are read."""
        taken = next(iter(self._snapshots.values()), None)
        return taken if taken is not None else self.snapshot(policy_of(self._session.components[0]))
