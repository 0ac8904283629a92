"""Images of several `--from` options are joined into the image index that is released."""

from __future__ import annotations

import json
import random

import msgspec
import pytest

from release.errors import BuildError
from release.oci import Manifest
from release.oci.manifest import children, describe, encode_manifest
from release.plan.supply import Supplied, join
from tests.support.registries.images import Image, make_image

INDEX = "application/vnd.oci.image.index.v1+json"
UNKNOWN = {"architecture": "unknown", "os": "unknown"}


def fields(platform: str) -> dict[str, str]:
    return dict(zip(("os", "architecture", "variant"), platform.split("/"), strict=False))


def image(platform: str) -> Image:
    return make_image({"where": platform.encode()}, platform=platform)


def bare(platform: str, place: str = "") -> Supplied:
    """Return an image manifest for one platform without an index around it."""
    return Supplied(place=place or f"oci:{platform}", top=image(platform).manifest, config=fields(platform))


def index(*platforms: str, attested: bool = False) -> Manifest:
    """Return an image index as BuildKit makes it; `attested`: after all images, an attestation for each."""
    images = [image(platform).descriptor(platform=fields(platform)) for platform in platforms]
    about = [
        make_image({"about": one.digest.encode()}).descriptor(
            platform=UNKNOWN, annotations={"vnd.docker.reference.digest": one.digest}
        )
        for one in images
    ]
    listed = [*images, *(about if attested else [])]
    return encode_manifest({"schemaVersion": 2, "mediaType": INDEX, "manifests": listed}, INDEX)


def shown(found: Manifest) -> list[str]:
    named = [child.platform or {} for child in children(found)]
    return [f"{one.get('os')}/{one.get('architecture')}" for one in named]


def test_image_of_a_single_from_option_is_released_unchanged() -> None:
    for top in (index("linux/amd64", "linux/arm64", attested=True), index("linux/amd64")):
        assert join([Supplied(place="oci:a", top=top)], ()).top is top
    one = bare("linux/amd64")
    assert join([one], ("linux/amd64",)).top is one.top


def test_two_windows_versions_at_one_place_are_named_with_a_digest_to_choose() -> None:
    versions = ("10.0.17763.6775", "10.0.20348.3091")
    images = [make_image({"v": version.encode()}, platform="windows/amd64") for version in versions]
    listed = [
        one.descriptor(platform={**fields("windows/amd64"), "os.version": version})
        for one, version in zip(images, versions, strict=True)
    ]
    top = encode_manifest({"schemaVersion": 2, "mediaType": INDEX, "manifests": listed}, INDEX)
    with pytest.raises(BuildError) as refused:
        join([Supplied(place="oci:a", top=top)], ("windows/amd64",))
    assert str(refused.value) == (
        "`oci:a` has two images for `windows/amd64`, of the `os.version` `10.0.17763.6775` and `10.0.20348.3091`"
    )
    assert f"`@{images[1].digest}`" in (refused.value.hint or "")
    twice = bare("linux/amd64", "oci:a")
    with pytest.raises(BuildError, match=r"^`oci:a` and `oci:a` both have an image for") as refused:
        join([twice, twice], ())
    assert refused.value.hint == "name each platform's image once"


def test_joined_index_lists_the_platforms_in_the_order_of_the_configuration() -> None:
    wanted = ("linux/arm/v7", "linux/amd64", "linux/arm64")
    places = [bare(platform) for platform in wanted]
    order = random.Random(1)
    found = set()
    for _ in range(6):
        order.shuffle(places)
        joined = join(places, wanted).top
        assert [(child.platform or {}).get("architecture") for child in children(joined)] == [
            "arm",
            "amd64",
            "arm64",
        ]
        found.add(joined.digest)
    assert len(found) == 1


def test_attestations_in_a_joined_index_come_after_the_image_that_they_are_about() -> None:
    first = index("linux/amd64", "linux/386", attested=True)
    joined = join([Supplied(place="oci:a", top=first), bare("linux/arm64")], ()).top
    assert shown(joined) == ["linux/amd64", "unknown/unknown", "linux/386", "unknown/unknown", "linux/arm64"]
    listed = children(joined)
    for subject, about in ((listed[0], listed[1]), (listed[2], listed[3])):
        assert (about.annotations or {})["vnd.docker.reference.digest"] == subject.digest


def test_entries_of_an_index_keep_their_descriptors_in_the_joined_index() -> None:
    noted = image("linux/amd64").descriptor(platform=fields("linux/amd64"), annotations={"made": "elsewhere"})
    first = encode_manifest({"schemaVersion": 2, "mediaType": INDEX, "manifests": [noted]}, INDEX)
    joined = join([Supplied(place="oci:a", top=first), bare("linux/arm64")], ()).top
    assert children(joined)[0] == noted
    assert json.loads(joined.raw)["mediaType"] == INDEX


@pytest.mark.parametrize(
    ("places", "wanted", "said"),
    [
        ([bare("linux/amd64")], ("linux/amd64", "linux/arm64"), "no image for `linux/arm64`, which"),
        (
            [bare("linux/amd64"), bare("linux/arm64")],
            ("linux/amd64",),
            "`linux/arm64`, which `build: platforms`",
        ),
        ([bare("linux/amd64", "oci:a"), bare("linux/amd64", "oci:b")], (), "`oci:a` and `oci:b` both have"),
        (
            [bare("linux/arm64", "oci:a"), bare("linux/arm64/v8", "oci:b")],
            (),
            "`oci:a` and `oci:b` both have",
        ),
        ([Supplied(place="oci:a", top=index())], (), "no image for any platform"),
        ([Supplied(place="oci:a", top=image("linux/amd64").manifest)], (), "names no platform"),
    ],
)
def test_images_of_from_options_whose_platforms_are_not_those_wanted_are_refused(
    places: list[Supplied], wanted: tuple[str, ...], said: str
) -> None:
    with pytest.raises(BuildError, match=said):
        join(places, wanted)


def test_an_image_with_a_variant_satisfies_a_wanted_platform_without_one() -> None:
    assert join([bare("linux/arm/v7")], ("linux/arm",)).top.digest
    assert join([bare("linux/arm64/v8")], ("linux/arm64",)).top.digest


def test_what_an_index_lists_beside_its_images_is_not_lost_in_a_joined_index() -> None:
    noted = image("linux/386").descriptor(platform={"os": "unknown", "architecture": "unknown"})
    one = image("linux/amd64").descriptor(platform=fields("linux/amd64"))
    first = encode_manifest({"schemaVersion": 2, "mediaType": INDEX, "manifests": [noted, one]}, INDEX)
    places = [Supplied(place="oci:a", top=first), bare("linux/arm64")]
    wanted = ("linux/arm64", "linux/amd64")
    assert shown(join(places, wanted).top) == ["linux/arm64", "linux/amd64", "unknown/unknown"]
    twice = [Supplied(place="oci:b", top=first, entries=(noted, *children(index("linux/s390x")))), *places]
    assert [one for one in shown(join(twice, ()).top) if one == "unknown/unknown"] == ["unknown/unknown"]


def test_a_manifest_without_an_index_gets_the_platform_of_its_config_in_the_joined_index() -> None:
    places = [bare("linux/arm/v7"), bare("linux/amd64")]
    expected = msgspec.structs.replace(describe(places[0].top), platform=fields("linux/arm/v7"))
    assert children(join(places, ()).top)[0] == expected
