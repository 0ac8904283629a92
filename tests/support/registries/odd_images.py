"""Images and artifacts of unusual shape, made by code: what builders, Helm, WASM tools, BuildKit and cosign push.

Tests store each under the tag `1.0` in a layout of its own. Sources of the shapes: OCI image-spec v1.1 and its
"Guidelines for Artifact Usage"; Docker's image manifest v2, schema 2; the documentation of Helm, BuildKit and cosign.
"""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Callable
from typing import Any

import zstandard

from release.oci import (
    DOCKER_CONFIG,
    DOCKER_INDEX,
    DOCKER_MANIFEST,
    OCI_CONFIG,
    OCI_INDEX,
    OCI_LAYER,
    OCI_MANIFEST,
    Manifest,
)
from tests.support.registries.images import Image, digest, make_image, make_tar

Document = dict[str, Any]

TAR = make_tar({"hello": b"hello\n"})
GZIP = gzip.compress(TAR, 1, mtime=0)
EMPTY = b"{}"
EMPTY_TYPE = "application/vnd.oci.empty.v1+json"
HELM = "application/vnd.cncf.helm.config.v1+json"
WASM = "application/vnd.wasm.config.v0+json"
CACHE = "application/vnd.buildkit.cacheconfig.v0"
SIGNING = "application/vnd.dev.cosign.simplesigning.v1+json"
DOCKER_LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"
FOREIGN = "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip"
DOCKER_FOREIGN = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"
#: No server listens there, so that a tool which wants the layer from there fails at once.
URL = "http://127.0.0.1:1/layer"


def _described(media_type: str, raw: bytes, **more: Any) -> Document:
    return {"mediaType": media_type, "digest": digest(raw), "size": len(raw), **more}


def _config(*tars: bytes, **more: Any) -> bytes:
    rootfs = {"type": "layers", "diff_ids": [digest(tar) for tar in tars]}
    return json.dumps(
        {"architecture": "amd64", "os": "linux", "config": {}, "rootfs": rootfs, **more}
    ).encode()


def _made(document: Document, media_type: str, *blobs: bytes, raw: bytes | None = None) -> Image:
    raw = raw or json.dumps(document).encode()
    return Image(
        Manifest(media_type=media_type, digest=digest(raw), raw=raw), {digest(blob): blob for blob in blobs}
    )


def _image(
    *layers: tuple[str, bytes],
    config: bytes | None = None,
    config_type: str = OCI_CONFIG,
    media_type: str = OCI_MANIFEST,
    layer: Document | None = None,
    **more: Any,
) -> Image:
    """Return an image of `layers` (media type and bytes). `layer`: further members of each layer's descriptor."""
    config = config if config is not None else _config(*(TAR for _ in layers))
    document = {
        "schemaVersion": 2,
        "mediaType": media_type,
        "config": _described(config_type, config),
        "layers": [_described(kind, raw, **(layer or {})) for kind, raw in layers],
        **more,
    }
    return _made(document, media_type, config, *(raw for _, raw in layers))


def _index(*entries: tuple[Image, str], media_type: str = OCI_INDEX, **more: Any) -> Image:
    """Return an index of images, each with its platform; an empty platform leaves the member `platform` out."""
    listed = []
    for image, platform in entries:
        entry = _described(image.manifest.media_type, image.manifest.raw)
        if platform:
            system, architecture, *variant = platform.split("/")
            fields = {"os": system, "architecture": architecture}
            entry["platform"] = {**fields, "variant": variant[0]} if variant else fields
        listed.append(entry)
    document = {"schemaVersion": 2, "mediaType": media_type, "manifests": listed, **more}
    made = _made(document, media_type)
    return Image(made.manifest, {}, tuple(image for image, _ in entries))


def _with_blob(*blobs: tuple[str, bytes], images: tuple[Image, ...] = ()) -> Image:
    """Return an index that lists blobs beside images."""
    listed = [_described(kind, raw) for kind, raw in blobs]
    for image in images:
        platform = {"os": "linux", "architecture": "amd64"}
        listed.append(_described(image.manifest.media_type, image.manifest.raw, platform=platform))
    made = _made(
        {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": listed},
        OCI_INDEX,
        *(raw for _, raw in blobs),
    )
    return Image(made.manifest, made.blobs, images)


def _sha512() -> Image:
    config = _config(TAR)
    layer = _described(OCI_LAYER + "+gzip", GZIP)
    layer["digest"] = f"sha512:{hashlib.sha512(GZIP).hexdigest()}"
    document = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": _described(OCI_CONFIG, config),
        "layers": [layer],
    }
    made = _made(document, OCI_MANIFEST)
    return Image(made.manifest, {digest(config): config, layer["digest"]: GZIP})


def _without(image: Image, *members: str) -> Image:
    document = {name: value for name, value in json.loads(image.manifest.raw).items() if name not in members}
    raw = json.dumps(document).encode()
    manifest = Manifest(media_type=image.manifest.media_type, digest=digest(raw), raw=raw)
    return Image(manifest, image.blobs, image.children)


def _pretty(image: Image) -> Image:
    raw = json.dumps(json.loads(image.manifest.raw), indent=3, ensure_ascii=False).encode() + b"\n"
    manifest = Manifest(media_type=image.manifest.media_type, digest=digest(raw), raw=raw)
    return Image(manifest, image.blobs, image.children)


def _docker(*layers: tuple[str, bytes], **more: Any) -> Image:
    return _image(*layers, config_type=DOCKER_CONFIG, media_type=DOCKER_MANIFEST, **more)


def foreign_image(kind: str, urls: tuple[str, ...]) -> Image:
    """Return an image whose only layer is of the media type `kind` and has `urls`."""
    make = _docker if kind == DOCKER_FOREIGN else _image
    return make((kind, GZIP), layer={"urls": list(urls)})


_LAYER = (OCI_LAYER + "+gzip", GZIP)
_ONE = make_image({"a": b"one"})
_ARM = make_image({"a": b"arm"}, platform="linux/arm64")
_V6, _V7 = (_image(_LAYER, config=_config(TAR, architecture="arm", variant=one)) for one in ("v6", "v7"))
_DOCKER_ONE = _docker((DOCKER_LAYER, GZIP))
_DOCKER_ARM = _docker((DOCKER_LAYER, GZIP), config=_config(TAR, architecture="arm64"))
_STATEMENT = b'{"_type":"https://in-toto.io/Statement/v0.1"}'
_ATTESTATION = _image(
    ("application/vnd.in-toto+json", _STATEMENT),
    config=_config(architecture="unknown", os="unknown"),
    layer={"annotations": {"in-toto.io/predicate-type": "https://slsa.dev/provenance/v0.2"}},
)
_BOTH = ((_ONE, "linux/amd64"), (_ARM, "linux/arm64"))
_SUBJECT = _described(OCI_MANIFEST, _ONE.manifest.raw)

#: Name to maker. The order is that of reports.
ODD: dict[str, Callable[[], Image]] = {
    "plain": lambda: _ONE,
    "docker schema 2": lambda: _DOCKER_ONE,
    "index": lambda: _index(*_BOTH),
    "docker manifest list": lambda: _index(
        (_DOCKER_ONE, "linux/amd64"), (_DOCKER_ARM, "linux/arm64"), media_type=DOCKER_INDEX
    ),
    "oci index of docker images": lambda: _index((_DOCKER_ONE, "linux/amd64"), (_DOCKER_ARM, "linux/arm64")),
    "nested index": lambda: _index((_index((_ARM, "linux/arm64")), ""), (_ONE, "linux/amd64")),
    "twins": lambda: _index((_ONE, "linux/amd64"), (_image(_LAYER), "linux/amd64"), (_ARM, "linux/arm64")),
    "arm variants": lambda: _index((_V6, "linux/arm/v6"), (_V7, "linux/arm/v7"), (_ONE, "linux/amd64")),
    "foreign platform first": lambda: _index((_ARM, "linux/arm64"), (_ONE, "linux/amd64")),
    "one image under two platforms": lambda: _index((_ONE, "linux/amd64"), (_ONE, "linux/amd64/v2")),
    "index with attestation": lambda: _index(*_BOTH, (_ATTESTATION, "unknown/unknown")),
    "index without platforms": lambda: _index((_ONE, ""), (_ARM, "")),
    "index with annotations": lambda: _index(*_BOTH, annotations={"org.opencontainers.image.title": "ä"}),
    "index with an artifact type": lambda: _index(*_BOTH, artifactType="application/vnd.example.bundle"),
    "empty index": lambda: _index(),
    "index without media type": lambda: _without(_index(*_BOTH), "mediaType"),
    "index in other white space": lambda: _pretty(_index(*_BOTH)),
    "no layers": lambda: _image(),
    "layers are null": lambda: _made(
        {
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "config": _described(OCI_CONFIG, _config()),
            "layers": None,
        },
        OCI_MANIFEST,
        _config(),
    ),
    "without media type": lambda: _without(_image(_LAYER), "mediaType"),
    "other white space": lambda: _pretty(_image(_LAYER, annotations={"title": "größer"})),
    "unknown members": lambda: _image(_LAYER, future={"a": [1, None]}),
    "large manifest": lambda: _image(_LAYER, annotations={f"k{number}": "v" * 1000 for number in range(300)}),
    "many layers": lambda: _image(
        *((OCI_LAYER + "+gzip", gzip.compress(TAR, level, mtime=0)) for level in range(1, 10)),
    ),
    "one layer three times": lambda: _image(_LAYER, _LAYER, _LAYER),
    "zstd layer": lambda: _image((OCI_LAYER + "+zstd", zstandard.compress(TAR))),
    "plain tar layer": lambda: _image((OCI_LAYER, TAR)),
    "config with data": lambda: _made(
        {
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "config": _described(OCI_CONFIG, _config(TAR), data="e30="),
            "layers": [_described(*_LAYER)],
        },
        OCI_MANIFEST,
        _config(TAR),
        GZIP,
    ),
    "docker config in an oci manifest": lambda: _image(_LAYER, config_type=DOCKER_CONFIG),
    "estargz layer": lambda: _image(
        _LAYER, layer={"annotations": {"containerd.io/snapshot/stargz/toc.digest": digest(TAR)}}
    ),
    "sha512 layer": _sha512,
    "windows": lambda: _image(_LAYER, config=_config(TAR, os="windows", **{"os.version": "10.0.20348.1"})),
    "foreign layer": lambda: foreign_image(FOREIGN, (URL,)),
    "docker foreign layer": lambda: foreign_image(DOCKER_FOREIGN, (URL,)),
    "ordinary layer with urls": lambda: _image(_LAYER, layer={"urls": [URL]}),
    "artifact with an empty config": lambda: _image(
        ("text/plain", b"hello"),
        config=EMPTY,
        config_type=EMPTY_TYPE,
        artifactType="application/vnd.example.text",
    ),
    "helm chart": lambda: _image(
        ("application/vnd.cncf.helm.chart.content.v1.tar+gzip", GZIP),
        config=b'{"name":"chart","version":"1.0.0"}',
        config_type=HELM,
    ),
    "wasm artifact": lambda: _image(
        ("application/wasm", b"\0asm\1\0\0\0"),
        config=b'{"architecture":"wasm","os":"wasip1","layerDigests":[]}',
        config_type=WASM,
    ),
    "wasm image": lambda: _image(_LAYER, config=_config(TAR, architecture="wasm", os="wasip1")),
    "buildkit cache manifest": lambda: _image(
        _LAYER, config=b'{"layers":[{"blob":"x"}],"records":[]}', config_type=CACHE
    ),
    "buildkit cache index": lambda: _with_blob((OCI_LAYER + "+gzip", GZIP), (CACHE, b'{"layers":[]}')),
    "index with an unknown child": lambda: _with_blob(
        ("application/vnd.example.unknown", b"?"), images=(_ONE,)
    ),
    "cosign signature": lambda: _image(
        (SIGNING, b'{"critical":{}}'),
        config=_config(),
        layer={"annotations": {"dev.cosignproject.cosign/signature": "MEUC"}},
    ),
    "referrer": lambda: _image(
        ("application/spdx+json", EMPTY),
        config=EMPTY,
        config_type=EMPTY_TYPE,
        artifactType="application/spdx+json",
        subject=_SUBJECT,
    ),
    "encrypted layer": lambda: _image((OCI_LAYER + "+gzip+encrypted", b"secret")),
}
