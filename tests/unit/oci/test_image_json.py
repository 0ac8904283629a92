from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from release.errors import BuildError
from release.oci import OCI_LAYER, Descriptor
from release.oci.image_json import (
    History,
    ImageConfig,
    config_document,
    digest,
    encode,
    image_manifest,
    parse_platform,
    timestamp,
    wanted_platform,
)

AMD64 = parse_platform("linux/amd64")
LAYER = Descriptor(media_type=f"{OCI_LAYER}+gzip", digest="sha256:" + "1" * 64, size=9)


def plain(raw: bytes) -> bytes:
    """Return the document as Python's `json` module writes it with sorted keys and no spaces."""
    return json.dumps(json.loads(raw), sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("linux/amd64", "linux/amd64"),
        ("linux/arm", "linux/arm/v7"),
        ("linux/arm64/v8", "linux/arm64"),
        ("LINUX/X86_64", "linux/amd64"),
        ("arm64", "linux/arm64"),
        ("linux/amd65", "linux/amd65"),
    ],
)
def test_platforms_are_read_as_containerd_reads_them(text: str, shown: str) -> None:
    assert str(parse_platform(text)) == shown


@pytest.mark.parametrize(
    "text",
    [
        "",
        "linux",
        "amd65",
        "linux/",
        "linux/amd64/",
        "linux//v8",
        "a/b/c/d",
        "linux/amd64,linux/arm64",
        "linux/amd64\n",
    ],
)
def test_invalid_platform_is_an_error(text: str) -> None:
    with pytest.raises(BuildError, match="is not a platform"):
        parse_platform(text)


@pytest.mark.parametrize(
    ("text", "said", "hint"),
    [
        ("linux/amd65", "no architecture is called `amd65`", "did you mean `linux/amd64`?"),
        ("lunix/arm/v6", "no operating system is called `lunix`", "did you mean `linux/arm/v6`?"),
        ("linux/zzz", "no architecture is called `zzz`", "write `linux/amd64`"),
        ("linux/arm/sven", "is not a platform", "a variant of `arm` is written `v7`"),
        ("linux/amd64,linux/arm64", "is not a platform", "write each by itself"),
    ],
)
def test_slip_in_a_platform_that_is_to_be_built_is_an_error(text: str, said: str, hint: str) -> None:
    with pytest.raises(BuildError, match=said) as caught:
        wanted_platform(text)
    assert hint in (caught.value.hint or "")


@pytest.mark.parametrize(
    "text", ["wasi/wasm", "linux/ppc64le/power9", "windows/amd64", "linux/amd64/v3", "linux/loong64"]
)
def test_platform_that_programs_are_made_for_can_be_built(text: str) -> None:
    assert str(wanted_platform(text)) == text


def test_timestamp_of_an_image_is_utc_in_whole_seconds() -> None:
    assert timestamp(0) == "1970-01-01T00:00:00Z"
    assert timestamp(1_700_000_000) == "2023-11-14T22:13:20Z"


def test_config_and_manifest_do_not_depend_on_the_order_of_labels_volumes_and_ports() -> None:
    one = ImageConfig(labels={"b": "2", "a": "ü"}, volumes=("/z", "/ä"), ports=("9/tcp", "10/tcp"))
    two = ImageConfig(labels={"a": "ü", "b": "2"}, volumes=("/ä", "/z"), ports=("10/tcp", "9/tcp"))
    raws = [
        config_document(
            each, AMD64, diff_ids=["sha256:0"], history=[History(created_by="x", empty=False)], created=5
        )
        for each in (one, two)
    ]
    assert raws[0] == raws[1] == plain(raws[0])
    config, manifest = image_manifest(raws[0], [LAYER], {"b": "1", "a": "2"})
    assert config.digest == digest(raws[0])
    assert manifest.raw == plain(manifest.raw)


def test_settings_without_a_value_are_left_out_of_an_image_config() -> None:
    raw = config_document(ImageConfig(), AMD64, diff_ids=[], history=[], created=0)
    assert json.loads(raw) == {
        "architecture": "amd64",
        "os": "linux",
        "created": "1970-01-01T00:00:00Z",
        "config": {},
        "history": [],
        "rootfs": {"type": "layers", "diff_ids": []},
    }
    _, manifest = image_manifest(raw, [LAYER], {})
    assert set(json.loads(manifest.raw)) == {"schemaVersion", "mediaType", "config", "layers"}


def test_empty_command_is_written_to_an_image_config_and_env_keeps_its_order() -> None:
    config = ImageConfig(command=(), entrypoint=("/a",), env={"Z": "1", "A": "2"})
    container = json.loads(config_document(config, AMD64, diff_ids=[], history=[], created=0))["config"]
    assert container == {"Cmd": [], "Entrypoint": ["/a"], "Env": ["Z=1", "A=2"]}


JSON = st.recursive(
    st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)


@given(JSON)
def test_encoded_json_is_read_back_and_encoded_to_the_same_bytes(value: object) -> None:
    raw = encode(value)
    assert json.loads(raw) == value
    assert encode(json.loads(raw)) == raw
