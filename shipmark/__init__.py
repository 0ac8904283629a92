"""shipmark as a library: the functions behind the commands, with typed requests and typed reports.

`open_workspace` gives the `Workspace` that each command's function takes first. `--json` prints the reports that these
functions return. `shipmark.log` has the questions to the version log, `shipmark.images` the operations on images. The
names in `__all__` of these three modules are the API. Every error that they raise descends from `ReleaseError`.
"""

from __future__ import annotations

from release import __version__
from release.app.lifecycle.deployed import DeployedReport, DeployedRequest, deployed
from release.app.lifecycle.promote import PromoteRequest, promote
from release.app.lifecycle.restore import RestoreRequest, restore
from release.app.lifecycle.results import (
    ChangeResult,
    PlaceReport,
    PromoteReport,
    RestoreReport,
    RollbackReport,
    WithheldAt,
)
from release.app.lifecycle.rollback import RollbackRequest, rollback
from release.app.releases.build import BuildReport, BuildRequest, BuiltPlatform, build
from release.app.releases.matrix import MatrixReport, MatrixRequest, MatrixRow, UnchangedRow, changed_matrix
from release.app.releases.metadata import MetadataRequest, metadata
from release.app.releases.request import RunRequest, version_of
from release.app.releases.results import ErrorReport, ReleaseReport, RunReport, RunResult, StepReport
from release.app.releases.run import preview, run
from release.app.releases.tags import TagsRequest, tags
from release.app.report import DecisionReport, WithheldTag
from release.app.retention.explain import explain_tag
from release.app.retention.prune import prune
from release.app.retention.reports import (
    DeletedImage,
    ExplainReport,
    PruneReport,
    PruneRequest,
    PruneResult,
    RepositoryReport,
    UndoneRepository,
    UndoReport,
)
from release.app.retention.undo import undo_prune
from release.app.session import Session as Workspace
from release.app.setup.doctor.doctor import DoctorRequest, doctor
from release.app.setup.doctor.report import DoctorReport, Finding
from release.app.setup.init.convert.model import Left
from release.app.setup.init.init import InitRequest, init
from release.app.setup.init.report import InitFile, InitReport
from release.app.versions.next_version import NextVersionRequest, next_version
from release.app.versions.version import VersionReport, VersionRequest, version
from release.app.workspace import open_workspace
from release.errors import (
    BuildError,
    ConfigError,
    GitError,
    Interrupted,
    LogError,
    PartialError,
    RefusedError,
    RegistryError,
    ReleaseError,
)
from release.events import Event, LastLines, Note, Output, Progress, Sink, StepEvent
from release.retention.decision import Untag
from release.retention.explain import Explanation
from release.tagging.metadata import Metadata
from release.tagging.model import FixedTag, KnownFrom, Line, MovingTag, Withheld

__all__ = [
    "BuildError",
    "BuildReport",
    "BuildRequest",
    "BuiltPlatform",
    "ChangeResult",
    "ConfigError",
    "DecisionReport",
    "DeletedImage",
    "DeployedReport",
    "DeployedRequest",
    "DoctorReport",
    "DoctorRequest",
    "ErrorReport",
    "Event",
    "ExplainReport",
    "Explanation",
    "Finding",
    "FixedTag",
    "GitError",
    "InitFile",
    "InitReport",
    "InitRequest",
    "Interrupted",
    "KnownFrom",
    "LastLines",
    "Left",
    "Line",
    "LogError",
    "MatrixReport",
    "MatrixRequest",
    "MatrixRow",
    "Metadata",
    "MetadataRequest",
    "MovingTag",
    "NextVersionRequest",
    "Note",
    "Output",
    "PartialError",
    "PlaceReport",
    "Progress",
    "PromoteReport",
    "PromoteRequest",
    "PruneReport",
    "PruneRequest",
    "PruneResult",
    "RefusedError",
    "RegistryError",
    "ReleaseError",
    "ReleaseReport",
    "RepositoryReport",
    "RestoreReport",
    "RestoreRequest",
    "RollbackReport",
    "RollbackRequest",
    "RunReport",
    "RunRequest",
    "RunResult",
    "Sink",
    "StepEvent",
    "StepReport",
    "TagsRequest",
    "UnchangedRow",
    "UndoReport",
    "UndoneRepository",
    "Untag",
    "VersionReport",
    "VersionRequest",
    "Withheld",
    "WithheldAt",
    "WithheldTag",
    "Workspace",
    "__version__",
    "build",
    "changed_matrix",
    "deployed",
    "doctor",
    "explain_tag",
    "init",
    "metadata",
    "next_version",
    "open_workspace",
    "preview",
    "promote",
    "prune",
    "restore",
    "rollback",
    "run",
    "tags",
    "undo_prune",
    "version",
    "version_of",
]
