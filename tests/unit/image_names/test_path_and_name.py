"""How `PATH[:NAME][@DIGEST]` is split, with and without files of that name."""

from __future__ import annotations

from pathlib import Path

import pytest

from release.errors import ConfigError
from release.image_names.path_and_name import split_path

DIGEST = f"sha256:{'a' * 64}"
WHOLE = "ghcr.io/acme/app:1.0"


@pytest.mark.parametrize(
    ("text", "path", "name", "tag", "digest"),
    [
        ("dist", "dist", None, None, None),
        ("dist:1.0", "dist", "1.0", "1.0", None),
        (f"dist:{WHOLE}", "dist", WHOLE, "1.0", None),
        ("dist:localhost:5000/app:1.0", "dist", "localhost:5000/app:1.0", "1.0", None),
        ("a:b/image:1.0", "a:b/image", "1.0", "1.0", None),
        (f"dist@{DIGEST}", "dist", None, None, DIGEST),
        (f"dist:1.0@{DIGEST}", "dist", "1.0", "1.0", DIGEST),
        ("node_modules/@acme/image:1.0", "node_modules/@acme/image", "1.0", "1.0", None),
        ("dist:", "dist:", None, None, None),
    ],
)
def test_path_name_and_digest_of_a_missing_folder_are_split(
    text: str, path: str, name: str | None, tag: str | None, digest: str | None, tmp_path: Path
) -> None:
    found = split_path(text, str(tmp_path))
    assert (found.path, found.name, found.tag, found.digest) == (path, name, tag, digest)


@pytest.mark.parametrize(
    ("text", "path", "name"),
    [
        ("a.tar", "a.tar", None),
        ("a.tar:1.0", "a.tar", "1.0"),
        ("a.tar:app:1.0", "a.tar", "app:1.0"),
        ("a.tar:acme/app", "a.tar", "acme/app"),
        (f"a.tar:{WHOLE}", "a.tar", WHOLE),
    ],
)
def test_the_name_of_an_image_in_a_missing_archive_file_follows_the_first_colon(
    text: str, path: str, name: str | None, tmp_path: Path
) -> None:
    found = split_path(text, str(tmp_path), is_file=True)
    assert (found.path, found.name) == (path, name)


@pytest.mark.parametrize("is_file", [False, True])
@pytest.mark.parametrize(
    ("made", "text", "path", "name"),
    [
        ("a:b", "a:b", "a:b", None),
        ("a:b", "a:b:1.0", "a:b", "1.0"),
        ("a:b", "a:b:acme/app:1.0", "a:b", "acme/app:1.0"),
        ("a", "a:b:1.0", "a", "b:1.0"),
        ("dist", f"dist:{WHOLE}", "dist", WHOLE),
        ("dist", "dist:1.0+build", "dist", "1.0+build"),
        ("dist", "dist:release/1.0", "dist", "release/1.0"),
        ("dist", "dist:app@1.0", "dist", "app@1.0"),
    ],
)
def test_the_longest_existing_path_is_split_from_the_name(
    made: str, text: str, path: str, name: str | None, is_file: bool, tmp_path: Path
) -> None:
    (tmp_path / made).mkdir()
    found = split_path(text, str(tmp_path), is_file=is_file)
    assert (found.path, found.name) == (path, name)


def test_an_invalid_digest_or_name_after_a_path_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="64 hex digits"):
        split_path("dist@sha256:abc", str(tmp_path))
    with pytest.raises(ConfigError, match="neither a tag nor"):
        split_path("a.tar:b c", str(tmp_path), is_file=True)
