"""Finds the features that a `COPY` or `ADD` needs. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping

from release.build.dockerfile.expand import expand_body
from release.build.dockerfile.features.names import Feature
from release.build.dockerfile.features.place import Found, Place, expanded
from release.build.dockerfile.instructions import (
    Add,
    Copy,
    Stage,
)
from release.build.dockerfile.references import is_digest
from release.build.dockerfile.remote_sources import GitAddressError, is_git, is_remote, is_true, read_git
from release.build.dockerfile.stage_graph import is_place, local_sources, source_of
from release.build.dockerfile.values import LARGEST_ID
from release.build.ignore import parse_excludes
from release.build.paths import below_root, rooted
from release.digits import number_in
from release.lazy_pattern import pattern
from release.patterns import has_wildcard

_OCTAL = pattern(r"0*[0-7]{1,4}")
# Sources of `ADD` that may be archives, from which any folder may come.
_ARCHIVE = pattern(r"\.(tar|t[abglx]z\w*|tzst|gz|bz2|xz|zst)\b|[*?\[$]|:", re.IGNORECASE)
_UNPACKED = pattern(r"\.(tar(\.\w+)?|t[abglx]z\w*|tzst)$", re.IGNORECASE)
_USUAL_FOLDER = 0o755  # the mode of a new folder where nothing says another
# What no account is called: with a colon or white space, or a number that is none of an account.
_ODD_OWNER = pattern(r"[:\s]|^[-+]?[0-9]+$")
_SYMBOLIC = pattern(r"[ugoa]*([-+=]([rwxXst]*|[ugo]))+(,[ugoa]*([-+=]([rwxXst]*|[ugo]))+)*")
_ADD_FLAGS: Mapping[str, Feature] = {
    "checksum": "add-checksum",
    "keep-git-dir": "add-keep-git-dir",
    "unpack": "add-unpack",
}
_COPY_FLAGS: Mapping[str, Feature] = {
    "chown": "copy-chown",
    "exclude": "copy-exclude",
    "link": "copy-link",
    "parents": "copy-parents",
}


def features_of_copy(transfer: Copy | Add, place: Place) -> Found:
    """The features of the instruction, its flags and its sources. Raises `BuildError` with the line."""
    sources = local_sources(transfer)
    flags = [transfer.flag(name) or "" for name in ("chown", "chmod", "checksum")]
    yield from expanded(transfer, place, *sources, transfer.destination, *flags)
    for heredoc in transfer.heredocs:
        yield "heredoc", "here-documents"
        if heredoc.expand:
            place.scope.apply(transfer, heredoc.body, expand_body)
    for name, feature in _COPY_FLAGS.items():
        if transfer.is_set(name):
            yield feature, f"`{transfer.keyword} --{name}`"
    yield from _owner(transfer, place)
    yield from _mode(transfer, place)
    yield from _operands(transfer, place, sources)
    yield from _excluded_parents(transfer, place, sources)
    yield from _new_folders(transfer, place, sources)
    if transfer.flag("from") == "":
        yield "copy-from-empty", f"the empty `{transfer.keyword} --from=`"
    source = source_of(place.dockerfile, place.stage, transfer)
    if source is not None:
        feature = "copy-from-stage" if isinstance(source, Stage) else "copy-from-image"
        if isinstance(source, str) and is_place(source):
            yield "from-place", f"`COPY --from={source}`"
        yield feature, f"`COPY --from={transfer.flag('from')}`"
    _require_addresses(transfer, place, sources)
    if isinstance(transfer, Add):
        yield from _add(transfer, place, sources)


def _owner(transfer: Copy | Add, place: Place) -> Found:
    """Forms of `--chown` that some builders do not read, and names in an image that surely has no list of accounts."""
    written = transfer.flag("chown") or ""
    text = place.expand(transfer, written)
    if not text or place.may_depend_on_base(written):
        return
    what = f"`{transfer.keyword} --chown={text}`"
    user, colon, group = text.partition(":")
    parts = [part for part in (user, group) if part]
    if colon and len(parts) < 2:
        yield ("copy-chown-part-empty" if parts else "copy-chown-empty"), what
    names = [part for part in parts if number_in(part, most=LARGEST_ID) is None]
    if transfer.is_set("link") and any(name != "root" for name in names):
        raise place.error(
            transfer,
            f"`--chown={text}` names an account, which `--link` does not allow",
            "write numbers, like `--chown=65532:65532`, or do without `--link`",
        )
    if any(_ODD_OWNER.search(name) for name in names):
        yield "copy-chown-odd", what
    elif names and place.folders.lacks("/etc", itself=True):
        others = [name for name in names if name != "root"]
        if others and place.folders.is_nothing:
            raise place.error(
                transfer,
                f"`--chown` names `{others[0]}`, and the image has no `/etc/passwd` or `/etc/group`",
                "write numbers, like `--chown=65532:65532`",
            )
        yield (
            ("copy-chown-name" if others else "copy-chown-root"),
            f"{what} without `/etc/passwd` in the image",
        )


def _mode(transfer: Copy | Add, place: Place) -> Found:
    written = transfer.flag("chmod")
    text = place.expand(transfer, written or "")
    if written is not None and not text:
        yield "copy-chmod-empty", f"the empty `{transfer.keyword} --chmod={written}`"
    if not text or place.may_depend_on_base(written or ""):
        return
    if not _OCTAL.fullmatch(text) and not _SYMBOLIC.fullmatch(text):
        raise place.error(
            transfer,
            f"`--chmod={text}` is not a mode",
            "write it like `--chmod=0755` or `--chmod=u+x`",
        )
    yield (
        ("copy-chmod" if _OCTAL.fullmatch(text) else "copy-chmod-symbolic"),
        f"`{transfer.keyword} --chmod={text}`",
    )


def _operands(transfer: Copy | Add, place: Place, sources: tuple[str, ...]) -> Found:
    """Operands whose meaning is a surprise, so that builders disagree about them."""
    destination = place.expand(transfer, transfer.destination)
    if len(transfer.sources) > 1 and destination and not destination.endswith("/"):
        what = f"several sources of `{transfer.keyword}` for `{destination}`"
        yield "copy-several-without-slash", f"{what}, without `/` at its end"
        if destination not in (".", "..") and not place.folders.has(destination):
            lacking = place.folders.lacks(destination, itself=True)
            yield (
                "copy-several-to-name",
                f"{what}, which {'does not exist' if lacking else 'may be no folder'}",
            )
    for source in sources:
        text = place.expand(transfer, source)
        if not text and not place.may_depend_on_base(source):
            yield "copy-source-empty", f"the empty source `{source}` of `{transfer.keyword}`"
        if below_root(text) is None:
            yield "copy-source-outside", f"the source `{text}` of `{transfer.keyword}`"


def _excluded_parents(transfer: Copy | Add, place: Place, sources: tuple[str, ...]) -> Found:
    """A source with `--parents` that `--exclude` of the same instruction leaves out: BuildKit does not find it."""
    written = (*sources, *transfer.flag_values("exclude"))
    if not transfer.is_set("parents") or place.may_depend_on_base(*written):
        return
    patterns = [place.expand(transfer, text) for text in transfer.flag_values("exclude")]
    excluded = parse_excludes(patterns, f"{place.dockerfile.name}:{transfer.line}")
    for source in sources:
        text = place.expand(transfer, source)
        # With `/./`, the patterns count from there.
        path = rooted(text.partition("/./")[2] or text)
        if path and not has_wildcard(text) and excluded.excludes(path):
            what = f"the source `{text}` of `{transfer.keyword} --parents`, which its `--exclude` leaves out"
            yield "copy-parents-excluded", what


def _new_folders(transfer: Copy | Add, place: Place, sources: tuple[str, ...]) -> Found:
    """Folders on the way to the destination, whose owner and mode depend on the builder."""
    destination = place.expand(transfer, transfer.destination)
    is_within = destination.endswith("/")
    owner, mode = (place.expand(transfer, transfer.flag(name) or "") for name in ("chown", "chmod"))
    has_folder = any(source.endswith(("/", "/.")) or source == "." for source in sources)
    lacking = place.folders.lacks(destination, itself=False)
    if lacking and has_folder and owner.partition(":")[0] not in ("", "0", "root"):
        yield (
            "copy-chown-new-folder",
            f"`{transfer.keyword} --chown` of a folder below `{lacking}`, which does not exist",
        )
    lacking = place.folders.lacks(destination, itself=is_within)
    if lacking and _OCTAL.fullmatch(mode) and int(mode, 8) & 0o777 != _USUAL_FOLDER:
        yield "copy-chmod-new-folder", f"`{transfer.keyword} --chmod` below `{lacking}`, which does not exist"
    if isinstance(transfer, Add) and any(map(_ARCHIVE.search, sources)):
        place.folders.forget()
    place.folders.fill(destination)


def _require_addresses(transfer: Copy | Add, place: Place, sources: tuple[str, ...]) -> None:
    """Raise `BuildError` for a source that lies elsewhere and cannot be read so."""
    if place.may_depend_on_base(*sources):
        return  # the base image's variables may decide
    for text in (place.expand(transfer, source) for source in sources):
        if isinstance(transfer, Copy) and is_remote(text):
            raise place.error(transfer, f"`COPY` does not download `{text}`", "write `ADD`")
        try:
            options = read_git(text)
        except GitAddressError as error:
            raise place.error(
                transfer,
                f"`{text}` cannot be read: {error}",
                "see the Dockerfile reference, `ADD`, about git repositories",
            ) from error
        commit, keeps = place.expand(transfer, transfer.flag("checksum") or ""), options.get("keep-git-dir")
        if commit and {options[name] for name in ("checksum", "commit") if name in options} - {commit}:
            raise place.error(transfer, f"`{text}` and `--checksum` name two commits", "remove one")
        is_said = keeps is not None and transfer.flag("keep-git-dir") is not None
        if is_said and is_true(keeps or "") != transfer.is_set("keep-git-dir"):
            raise place.error(transfer, f"`{text}` contradicts `--keep-git-dir`", "remove one")


def _require_checksum(add: Add, place: Place, sources: tuple[str, ...]) -> None:
    """Raise `BuildError` for a `--checksum` of anything but one file that is downloaded, or one repository."""
    written = add.flag("checksum") or ""
    checksum = place.expand(add, written)
    if not checksum or place.may_depend_on_base(written, *sources):
        return
    texts = [place.expand(add, source) for source in sources]
    if len(texts) != 1 or not is_remote(texts[0]):
        raise place.error(
            add,
            "`--checksum` goes with one address or git repository",
            "write an `ADD` of its own for each address, and no `--checksum` for files of the context",
        )
    if not is_git(texts[0]) and not is_digest(checksum):
        raise place.error(
            add,
            f"`--checksum={checksum}` is not a digest",
            "write it like `sha256:` and 64 digits of `0-9a-f`",
        )


def _add(add: Add, place: Place, sources: tuple[str, ...]) -> Found:
    _require_checksum(add, place, sources)
    for source in sources:
        expanded = place.expand(add, source)
        if is_git(expanded):
            yield "add-git", "`ADD` of a git repository"
        elif is_remote(expanded):
            yield "add-url", "`ADD` of an address"
        elif _UNPACKED.search(expanded) and add.flag("chown") and add.flag("unpack") != "false":
            yield "add-archive-chown", f"`ADD --chown` of an archive, `{expanded}`"
    for name, feature in _ADD_FLAGS.items():
        if add.flag(name) is not None:
            yield feature, f"`ADD --{name}`"
