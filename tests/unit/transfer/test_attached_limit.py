"""Referrers and tags of cosign count together against the limit of what one copy takes along."""

from __future__ import annotations

from pathlib import Path

import pytest

from release.control import Cancel
from release.errors import Invalid
from release.events import NullSink
from release.layout.layout import Layout
from release.oci.attached import COSIGN, referrers_tag
from release.transfer import copy_referrers
from release.transfer.copy_referrers import copy_attached
from tests.support.registries.images import make_image, store

IMAGE = make_image()
ABOUT = {"mediaType": IMAGE.manifest.media_type, "digest": IMAGE.digest, "size": len(IMAGE.manifest.raw)}


@pytest.mark.parametrize(
    ("tags", "subjects", "most", "copied"),
    [
        (3, 0, 3, 3),
        (3, 0, 2, None),
        (1, 0, 0, None),
        (0, 2, 2, 2),
        (0, 2, 1, None),
        (2, 2, 4, 4),
        (2, 2, 3, None),
    ],
)
def test_copy_of_more_attached_manifests_than_the_limit_is_refused(
    tags: int,
    subjects: int,
    most: int,
    copied: int | None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(copy_referrers, "_MOST", most)
    source, destination = Layout(str(tmp_path / "source")), Layout(str(tmp_path / "destination"))
    for layout in (source, destination):
        store(IMAGE, layout, "1.0")
    for ending in COSIGN[:tags]:
        store(make_image({ending: b""}), source, f"{referrers_tag(IMAGE.digest)}{ending}")
    for number in range(subjects):
        store(make_image({str(number): b""}, extra={"subject": ABOUT}), source)
    if copied is None:
        with pytest.raises(Invalid, match=f"more than {most} manifests"):
            copy_attached(source, destination, [IMAGE.digest], sink=NullSink(), cancel=Cancel())
    else:
        found = copy_attached(source, destination, [IMAGE.digest], sink=NullSink(), cancel=Cancel())
        assert len(found) == copied
