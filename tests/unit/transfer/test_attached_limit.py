"""Which referrers and tags of cosign one copy takes along, and how many."""

from __future__ import annotations

from pathlib import Path

import pytest

from release.control import Cancel
from release.errors import Invalid
from release.events import NullSink
from release.layout.layout import Layout
from release.oci import Descriptor
from release.oci.attached import COSIGN, referrers_tag
from release.transfer import copy_referrers
from release.transfer.copy_referrers import copy_attached
from tests.support.registries.images import make_image, store
from tests.support.registries.targets import Recorder

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


class Credulous(Layout):
    """A layout that lists everything as a referrer of an image, as a registry's API may."""

    def referrers(self, digest: str) -> tuple[Descriptor, ...]:
        return tuple(one for one in self.entries().descriptors() if one.digest != digest)


@pytest.mark.parametrize("about", [None, {**ABOUT, "digest": f"sha256:{'0' * 64}"}])
def test_a_listed_referrer_with_another_subject_is_warned_of_and_not_copied(
    about: dict[str, object] | None, tmp_path: Path
) -> None:
    source, destination = Credulous(str(tmp_path / "source")), Layout(str(tmp_path / "destination"))
    for layout in (source, destination):
        store(IMAGE, layout, "1.0")
    stray = make_image({"stray": b""}, extra={"subject": about} if about else None)
    store(stray, source)
    store(make_image({"sbom": b""}, extra={"subject": ABOUT}), source)
    sink = Recorder()
    assert len(copy_attached(source, destination, [IMAGE.digest], sink=sink, cancel=Cancel())) == 1
    assert destination.resolve(stray.digest) is None
    assert any(stray.digest in text and "not copied" in text for text in sink.notes)
