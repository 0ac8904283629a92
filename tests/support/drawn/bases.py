"""Base images for drawn Dockerfiles: symlinks of all kinds, layers that remove files, settings, and ONBUILD."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Mapping, Sequence
from typing import Any

from tests.support.registries.images import Image, digest, make_image

_PASSWD = "root:x:0:0:root:/root:/bin/sh\njoe:x:1001:1002:Joe:/home/joe:/bin/sh\nnobody:x:65534:65534::/:/bin/false\n"
_GROUP = "root:x:0:\nstaff:x:50:joe\nnobody:x:65534:\n"
_FILES: Mapping[str, tuple[int, str]] = {
    "etc/passwd": (0o644, _PASSWD),
    "etc/group": (0o644, _GROUP),
    "x.txt": (0o640, "the base's x.txt"),
    "a/inner": (0o600, "inner"),
    "b/c/deep": (0o4755, "deep"),
    "dir/[odd] name*": (0o644, "odd"),
    "dir/gone": (0o644, "gone"),
    "opaque/below": (0o644, "below"),
}
_FOLDERS = {
    "a": 0o700,
    "b": 0o755,
    "b/c": 0o2775,
    "etc": 0o755,
    "tmp": 0o1777,
    "run": 0o755,
    "var": 0o755,
    "dir": 0o755,
    "opaque": 0o711,
}
_LINKS = {
    "ln": "b/c",
    "lnfile": "x.txt",
    "abs": "/b/c",
    "dangling": "nowhere/deep",
    "loop": "loop",
    "up": "../../b",
    "var/run": "/run",
    "etc/passwd-link": "passwd",
    "a/out": "../b/./c/../c",
}
_SETTINGS: Mapping[str, Any] = {
    "User": "joe",
    "WorkingDir": "/b",
    "Env": ["PATH=/bin", "X=base", "D=/b", "G=50", "Y=a b"],
    "Entrypoint": ["/entry"],
    "Cmd": ["one", "two"],
    "Shell": ["/bin/ash", "-ec"],
    "Healthcheck": {"Test": ["CMD", "true"], "Interval": 5000000000, "Retries": 2},
    "StopSignal": "SIGUSR1",
    "Volumes": {"/base-volume": {}},
    "ExposedPorts": {"1234/udp": {}},
    "Labels": {"a": "base", "base": "yes"},
}
_TRIGGERS: Sequence[Sequence[str]] = (
    ["COPY . /ob/", "ENV OB=$X", "WORKDIR /ob"],
    ["ARG X=trigger", "LABEL trigger=$X", "USER 1001:50", "WORKDIR made", "COPY --chown=joe *.txt ./"],
    ["ENV D=/ob", "ADD a /ob/", 'CMD ["ob"]', "EXPOSE $UNSET 7", "VOLUME $D"],
    ['ENTRYPOINT ["ob"]', 'SHELL ["/ob"]', "CMD x", "HEALTHCHECK NONE", "STOPSIGNAL 3"],
)


BASES = ("links", "settings", *(f"onbuild{number}" for number in range(len(_TRIGGERS))))


def base_images() -> dict[str, Image]:
    """Return the base images by name."""
    found = {
        "links": _image({"Env": ["PATH=/bin"]}),
        "settings": _image(_SETTINGS),
    }
    for number, triggers in enumerate(_TRIGGERS):
        found[f"onbuild{number}"] = _image({"Env": ["PATH=/bin"], "OnBuild": list(triggers)})
    return found


def _image(container: Mapping[str, Any]) -> Image:
    first, second = _first_layer(), _second_layer()
    empty = make_image(files={})
    config = {
        "created": "2023-11-14T22:13:20Z",
        "architecture": "amd64",
        "os": "linux",
        "config": container,
        "rootfs": {"type": "layers", "diff_ids": [*_diff_ids(empty), digest(first), digest(second)]},
        "history": [{"created_by": str(number)} for number in range(3)],
    }
    return make_image(files={}, layers=(first, second), config=json.dumps(config).encode())


def _diff_ids(image: Image) -> list[str]:
    for blob in image.blobs.values():
        if blob.startswith(b"{"):
            found: list[str] = json.loads(blob)["rootfs"]["diff_ids"]
            return found
    raise AssertionError("an image has a config")


def _first_layer() -> bytes:
    members = [_member(name, tarfile.DIRTYPE, mode) for name, mode in _FOLDERS.items()]
    links = [_member(name, tarfile.SYMTYPE, 0o777, target=target) for name, target in _LINKS.items()]
    return _tar([*members, *links], {name: (mode, text) for name, (mode, text) in _FILES.items()})


def _second_layer() -> bytes:
    hard = _member("hard", tarfile.LNKTYPE, 0o640, target="later")
    files = {
        "dir/.wh.gone": (0o644, ""),
        "opaque/.wh..wh..opq": (0o644, ""),
        "opaque/new": (0o644, "n"),
        "later": (0o640, "later"),
    }
    return _tar([_member("opaque", tarfile.DIRTYPE, 0o711)], files, [hard])


def _tar(
    first: Sequence[tarfile.TarInfo],
    files: Mapping[str, tuple[int, str]],
    last: Sequence[tarfile.TarInfo] = (),
) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for member in first:
            archive.addfile(member)
        for name, (mode, text) in files.items():
            member = _member(name, tarfile.REGTYPE, mode)
            member.size = len(text)
            archive.addfile(member, io.BytesIO(text.encode()))
        for member in last:
            archive.addfile(member)
    return buffer.getvalue()


def _member(name: str, kind: bytes, mode: int, *, target: str = "") -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.mode, member.linkname, member.mtime = kind, mode, target, 1_600_000_000
    return member
