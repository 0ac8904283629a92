"""Which images the sources of `in_use:` name, in documents of kubectl, Argo CD, Flux, ECS and compose."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from release.errors import ConfigError, RefusedError
from release.inventory.in_use.references import Used, by_repository, in_use_of, lines_in, references_in
from release.inventory.in_use.sources import compose_references, object_references
from release.retention.snapshot import HeldManifest, HeldTag, Inventory

DIGEST = f"sha256:{'a' * 64}"
CONFIG = f"sha256:{'c' * 64}"
OTHER = f"sha256:{'b' * 64}"

# Source: Kubernetes API reference, Pod v1: `initContainers` and `ephemeralContainers` stand beside `containers`; the
# status names the image as the runtime resolved it.
POD = {
    "kind": "Pod",
    "spec": {
        "initContainers": [{"name": "init", "image": "r.example/init:1"}],
        "containers": [{"name": "app", "image": "r.example/app:1.4.2"}],
        "ephemeralContainers": [{"name": "debug", "image": "r.example/debug:1"}],
        "imagePullSecrets": [{"name": "image"}],
    },
    "status": {
        "containerStatuses": [
            {"image": "r.example/app:1.4.2", "imageID": f"docker-pullable://r.example/app@{DIGEST}"},
            {"image": "r.example/late:1", "imageID": ""},
        ],
    },
}
TEMPLATE = {"spec": {"containers": [{"image": "r.example/tpl:1"}]}}
DOCUMENTS: list[tuple[str, Any, set[str]]] = [
    (
        "pod",
        POD,
        {
            *("r.example/init:1", "r.example/app:1.4.2", "r.example/debug:1", "r.example/late:1"),
            f"docker-pullable://r.example/app@{DIGEST}",
        },
    ),
    ("deployment", {"spec": {"template": TEMPLATE, "revisionHistoryLimit": 10}}, {"r.example/tpl:1"}),
    ("cron-job", {"spec": {"jobTemplate": {"spec": {"template": TEMPLATE}}}}, {"r.example/tpl:1"}),
    ("controller-revision", {"data": {"spec": {"template": TEMPLATE}}}, {"r.example/tpl:1"}),
    (
        "argo-application",
        {
            "spec": {"source": {"kustomize": {"images": ["r.example/app:2", "app=r.example/x:3"]}}},
            "status": {"summary": {"images": [f"r.example/app@{DIGEST}"]}},
        },
        {"r.example/app:2", "r.example/x:3", f"r.example/app@{DIGEST}"},
    ),
    (
        "flux-image-policy",
        {
            "status": {
                "latestImage": "r.example/app:5.0.1",
                "latestRef": {"name": "r.example/app", "tag": "5.0.1", "digest": DIGEST},
            }
        },
        {"r.example/app:5.0.1", f"r.example/app@{DIGEST}", DIGEST},
    ),
    (
        # Source: Flux source API v1, OCIRepository.
        "flux-oci-repository",
        {
            "spec": {"url": "oci://r.example/app", "ref": {"tag": "1.4.2"}},
            "status": {"artifact": {"revision": f"1.4.2@{DIGEST}"}},
        },
        {"r.example/app:1.4.2", DIGEST},
    ),
    (
        # Source: Flux helm API v2, HelmRelease; `repository`, `tag` and `registry` are those of `helm create`, Bitnami.
        "flux-helm-release",
        {
            "spec": {
                "values": {
                    "image": {"repository": "r.example/app", "tag": "1.4.2"},
                    "sidecar": {"image": {"registry": "r.example", "repository": "more/app", "tag": 1.4}},
                    "pinned": {"repository": "r.example/app", "digest": DIGEST, "tag": ""},
                    "sources": {"repository": "https://git.example/app", "tag": "v1"},
                }
            }
        },
        {"r.example/app:1.4.2", "r.example/more/app:1.4", f"r.example/app@{DIGEST}", DIGEST},
    ),
    (
        # Source: Kubernetes API reference, ImageVolumeSource.
        "image-volume",
        {
            "spec": {
                "volumes": [
                    {"name": "data", "image": {"reference": "r.example/data", "pullPolicy": "Always"}}
                ]
            }
        },
        {"r.example/data"},
    ),
    (
        # Source: Operator SDK, "Disconnected environments": variables `RELATED_IMAGE_…`.
        "operator",
        {
            "spec": {
                "containers": [
                    {
                        "image": "r.example/operator:1",
                        "args": [f"--proxy-image=r.example/proxy:2@{DIGEST}", "--listen=:8080"],
                        "env": [{"name": "RELATED_IMAGE_APP", "value": "r.example/app:1"}],
                    }
                ]
            }
        },
        {"r.example/operator:1", f"r.example/proxy:2@{DIGEST}", "r.example/app:1"},
    ),
    (
        # Source: compose specification, "volumes" (`type: image`), "additional_contexts" and "models".
        "compose-volume",
        {
            "services": {
                "web": {
                    "build": {"additional_contexts": {"base": "docker-image://r.example/base:1"}},
                    "volumes": [
                        {"type": "image", "source": "r.example/data", "target": "/data"},
                        "./a:/b:ro",
                    ],
                }
            },
            "models": {"small": {"model": "r.example/model:1"}},
        },
        {"r.example/base:1", "r.example/data", "r.example/model:1"},
    ),
    (
        "flux-kustomization",
        {"spec": {"images": [{"name": "app", "newName": "r.example/app", "newTag": "7"}]}},
        {"r.example/app:7"},
    ),
    (
        # Source: Amazon ECS API reference, DescribeTaskDefinition and DescribeTasks.
        "ecs",
        {
            "taskDefinition": {"containerDefinitions": [{"name": "web", "image": "r.example/app:1"}]},
            "tasks": [{"containers": [{"image": "r.example/app:1", "imageDigest": DIGEST}]}],
        },
        {"r.example/app:1", DIGEST},
    ),
    (
        "compose",
        {"services": {"web": {"image": "r.example/app:9"}, "db": {"build": "."}}},
        {"r.example/app:9"},
    ),
]


@pytest.mark.parametrize(
    ("document", "named"), [row[1:] for row in DOCUMENTS], ids=[row[0] for row in DOCUMENTS]
)
def test_every_image_that_a_document_names_is_found(document: Any, named: set[str]) -> None:
    assert set(references_in({"items": [document]})) == named


@pytest.mark.parametrize(
    ("document", "keys"),
    [
        ({"include": ["db.yml"], "services": {"web": {"image": "r.example/app:9"}}}, "`include`"),
        (
            {
                "services": {
                    "web": {"image": "r.example/app:9", "extends": {"file": "base.yml", "service": "x"}}
                }
            },
            "`services.web.extends`",
        ),
        ({"web": {"extends": {"file": "base.yml", "service": "x"}}}, "`web.extends`"),
    ],
)
def test_compose_file_with_services_in_other_files_is_refused(document: Any, keys: str) -> None:
    with pytest.raises(RefusedError) as caught:
        list(compose_references(document, "compose `c.yml`"))
    assert keys in caught.value.message
    assert "`command: [docker, compose, config, --images]`" in (caught.value.hint or "")


@pytest.mark.parametrize("document", [None, {}, [], "services"])
def test_document_that_is_not_a_compose_file_is_an_error(document: Any) -> None:
    with pytest.raises(ConfigError, match="is not a compose file"):
        list(compose_references(document, "compose `c.yml`"))


def test_service_that_extends_one_of_the_same_compose_file_is_read() -> None:
    services = {"web": {"image": "r.example/app:9"}, "more": {"extends": {"service": "web"}}, "same": "web"}
    assert list(compose_references({"services": services}, "compose `c.yml`")) == ["r.example/app:9"]


def test_error_that_a_cluster_answered_is_not_an_empty_list() -> None:
    answer = {"kind": "Status", "status": "Failure", "message": "pods is forbidden", "code": 403}
    with pytest.raises(ConfigError, match="pods is forbidden"):
        list(object_references(answer))
    assert list(object_references({"kind": "List", "items": []})) == []


def test_lines_without_comments_and_blanks_are_references() -> None:
    assert list(lines_in("# all\n r.example/app:1 # web\n\n\tr.example/app:2\n")) == [
        "r.example/app:1",
        "r.example/app:2",
    ]


INVENTORY = Inventory(
    repository="r.example/app",
    tags=(HeldTag(name="1.4.2", digest=DIGEST), HeldTag(name="latest", digest=OTHER)),
    manifests={
        DIGEST: HeldManifest(digest=DIGEST, blobs=((CONFIG, 1),)),
        OTHER: HeldManifest(digest=OTHER),
    },
    now=0,
)


@pytest.mark.parametrize(
    ("text", "digests", "tags"),
    [
        (f"r.example/app@{DIGEST}", {DIGEST}, set()),
        ("r.example/app:1.4.2", {DIGEST}, {"1.4.2"}),
        (f"r.example/app:1.4.2@{OTHER}", {DIGEST, OTHER}, {"1.4.2"}),
        ("r.example/app", {OTHER}, {"latest"}),
        ("r.example/app:gone", set(), {"gone"}),
        (f"docker-pullable://r.example/app@{DIGEST}", {DIGEST}, set()),
        (DIGEST, {DIGEST}, set()),
        (CONFIG, {CONFIG, DIGEST}, set()),
        ("c" * 64, {CONFIG, DIGEST}, set()),
        ("r.example:443/app:1.4.2", {DIGEST}, {"1.4.2"}),
        ("r.example:5000/app:1.4.2", set(), set()),
        ("r.example/other:1.4.2", set(), set()),
        ("nginx", set(), set()),
        ("library/nginx:1.25", set(), set()),
    ],
)
def test_reference_protects_what_it_names_in_this_repository(
    text: str, digests: set[str], tags: set[str]
) -> None:
    found = in_use_of(INVENTORY, [Used(text, "file `x`")])
    assert (set(found.digests), set(found.tags)) == (digests, tags)


def test_repository_of_a_chart_with_a_tag_that_is_not_one_refuses() -> None:
    (text,) = references_in({"image": {"repository": "r.example/app", "tag": "${TAG}"}})
    with pytest.raises(RefusedError, match="which is not an image"):
        by_repository([Used(text, "manifests `m.json`")])


def test_port_of_https_names_the_same_repository() -> None:
    used = by_repository([Used("r.example/app:1", "file `x`"), Used("r.example:443/app:2", "file `x`")])
    for name in ("r.example/app", "r.example:443/app"):
        assert [one.text for one in used.of(name)] == ["r.example/app:1", "r.example:443/app:2"]


@given(
    before=st.sampled_from(
        ["", "--image=", '{"a": "', "IMG='", "oci://", "docker://", "see (", "a, b,", "\n"]
    ),
    name=st.sampled_from(["r.example/app", "localhost:5000/a/b", "acme/app", "R.example:443/a__b/c-d"]),
    ending=st.sampled_from([":1", ":1.4.2-rc.1", f"@{DIGEST}", f":latest@{DIGEST}"]),
    after=st.sampled_from(["", '"}', "'", ",", " b:c", ")", ".", "\n", "; x"]),
    keys=st.lists(st.sampled_from(["spec", "value", "args", 0, "name", "data"]), max_size=4),
)
def test_reference_inside_any_text_of_a_document_is_found(
    before: str, name: str, ending: str, after: str, keys: list[str | int]
) -> None:
    document: Any = f"{before}{name}{ending}{after}"
    for key in keys:
        document = [document, 1, None] if key == 0 else {key: document, "other": "a: b"}
    assert f"{name}{ending}" in set(references_in(document))


def test_long_texts_are_searched_in_proportion_to_their_length() -> None:
    for text in ("a" * 300_000, "a/" * 150_000, "a:1/" * 75_000, "r.example/" * 30_000, "a." * 150_000):
        started = time.process_time()
        assert DIGEST in set(references_in({"data": f"x: {text} {DIGEST}"}))
        assert time.process_time() - started < 5


@pytest.mark.parametrize("text", ["r.example/App:1", "r.example/app:a b", "app=r.example/x:3", "-"])
def test_text_that_is_no_reference_refuses_since_it_might_be_an_image_in_use(text: str) -> None:
    with pytest.raises(RefusedError, match="which is not an image") as caught:
        in_use_of(INVENTORY, [Used(text, "compose `c.yml`")])
    assert "one reference on a line" in (caught.value.hint or "")


@pytest.mark.parametrize("text", ["${IMAGE}", "r.example/app:$TAG", "oci:dist/app:${TAG:-1}"])
def test_reference_with_a_variable_refuses_and_names_a_command_that_replaces_it(text: str) -> None:
    with pytest.raises(RefusedError, match="which is not an image") as caught:
        in_use_of(INVENTORY, [Used(text, "compose `c.yml`")])
    assert "`command: [docker, compose, config, --images]`" in (caught.value.hint or "")
