"""Questions to the version log, checks of it, and its maintenance.

Each function takes a workspace, and most take a request.
"""

from __future__ import annotations

from release.app.log.adopt import AdoptedTag, AdoptReport, AdoptRequest, adopt
from release.app.log.difference import difference as diff
from release.app.log.export import ExportReport, ExportRequest, export, page, pages, statements
from release.app.log.import_entries import ImportReport, ImportRequest, import_entries
from release.app.log.move import CopyLogReport, CopyLogRequest, MigrateReport, copy_log, migrate
from release.app.log.questions import at, deployed, find, history, list_releases, show
from release.app.log.rebuild import (
    RebuildReport,
    RebuildRequest,
    RebuiltRelease,
    RebuiltStatus,
    rebuild,
)
from release.app.log.recover import RecoverReport, RecoverRequest, recover
from release.app.log.reports import (
    AtReport,
    AtRequest,
    Commit,
    DeploymentsReport,
    DeploymentsRequest,
    DiffReport,
    DiffRequest,
    FindReport,
    FindRequest,
    HistoryReport,
    HistoryRequest,
    ListedRelease,
    ListReport,
    ListRequest,
    RunningImage,
    ShownRelease,
    ShowReport,
    ShowRequest,
)
from release.app.log.verify import fault, verify
from release.app.log.verify_report import TagFinding, VerifyReport, VerifyRequest
from release.log.answers.deployments import Deployment
from release.log.answers.mentions import Mention
from release.log.questions import Change, TagHistory, TagThen
from release.log.rebuilt.identify import LeftOut
from release.log.state import TagHold
from release.log.torn import Torn

__all__ = [
    "AdoptReport",
    "AdoptRequest",
    "AdoptedTag",
    "AtReport",
    "AtRequest",
    "Change",
    "Commit",
    "CopyLogReport",
    "CopyLogRequest",
    "Deployment",
    "DeploymentsReport",
    "DeploymentsRequest",
    "DiffReport",
    "DiffRequest",
    "ExportReport",
    "ExportRequest",
    "FindReport",
    "FindRequest",
    "HistoryReport",
    "HistoryRequest",
    "ImportReport",
    "ImportRequest",
    "LeftOut",
    "ListReport",
    "ListRequest",
    "ListedRelease",
    "Mention",
    "MigrateReport",
    "RebuildReport",
    "RebuildRequest",
    "RebuiltRelease",
    "RebuiltStatus",
    "RecoverReport",
    "RecoverRequest",
    "RunningImage",
    "ShowReport",
    "ShowRequest",
    "ShownRelease",
    "TagFinding",
    "TagHistory",
    "TagHold",
    "TagThen",
    "Torn",
    "VerifyReport",
    "VerifyRequest",
    "adopt",
    "at",
    "copy_log",
    "deployed",
    "diff",
    "export",
    "fault",
    "find",
    "history",
    "import_entries",
    "list_releases",
    "migrate",
    "page",
    "pages",
    "rebuild",
    "recover",
    "show",
    "statements",
    "verify",
]
