"""Forged log entries that give a release another image: a release accepts an image only if its labels agree.

Whoever can write the log can append correctly chained entries. Such entries alone must not put another image under a
version tag, in whichever store the log is, and wherever the other image is.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from release.log.sealing import seal
from release.log.stores.sql.migrate import migrate
from release.plan.inputs import SCHEMA
from release.tagging.labels import INPUTS, REVISION, VERSION
from tests.support.logs.stores import open_store
from tests.support.programs.command import Result
from tests.support.registries.gate import Answer, Gate, Passage
from tests.support.registries.images import Image, make_image, make_index, store
from tests.support.registries.targets import TargetsFactory
from tests.support.releases.project import Project

NEXT = ("1.4.2", "1.4", "1", "latest")


class Forgery:
    """A project whose HEAD, v1.4.2, is not released yet, with methods that forge entries in its log."""

    def __init__(self, project: Project, targets: TargetsFactory, log: dict[str, Any]) -> None:
        self.project = project
        self._targets = targets
        self._log = log
        planned = project.must("preview", "--json", "-o", "plan.json").json["releases"][0]
        plan = json.loads((project.repo.path / "plan.json").read_text())["plan"]["releases"][0]
        self.key = planned["key"]
        self.inputs = plan["inputs"]
        self.labels = planned["decision"]["labels"]

    def put(self, image: Image) -> str:
        """Put an image into the registry repository without a tag, and return its digest."""
        with self._targets() as targets:
            store(image, targets.open(self.project.image))
        return image.digest

    def write(self, digest: str, *, kinds: Sequence[str] = ("planned", "built"), **more: Any) -> None:
        """Append entries that name `digest` as the image of HEAD's release."""
        of = {
            "release": self.key,
            "project": "acme/app",
            "commit": more.pop("of_commit", self.project.repo.head),
            "attempt": "forged",
        }
        image = {"image": {"digest": digest}}
        tags = [{"name": "1.4.2", "digest": digest, "result": "created"}]
        facts: dict[str, dict[str, Any]] = {
            "planned": {"version": "1.4.2", "channel": "release", "inputs": self.inputs, **more},
            "built": {"via": "build", **image},
            "built-platform": {"platform": "linux/amd64", "digest": digest, "via": "build"},
            "pushed": {"target": self.project.image, "tags": tags, **image},
            "released": {"version": more.get("version", "1.4.2"), **image},
        }
        opened = open_store(self._log)
        for kind in kinds:  # appended without `Writer`, which would refuse some of these facts
            head = opened.head()
            line = seal({"kind": kind, **of, **facts[kind]}, head, "2026-11-20T10:00:00.000Z")
            opened.append([line], head)

    def run(self) -> Result:
        """Run `shipmark run` for HEAD."""
        return self.project("run")

    def entries(self) -> list[dict[str, Any]]:
        """Return the fields of all entries of the log."""
        return [entry.fields for entry in open_store(self._log).read()]

    def revisions(self, reference: str) -> set[str]:
        """Return the commits in the labels of an image's platforms."""
        host = self.project.image
        shown = self.project.must("image", "inspect", f"{host}:{reference}", "--json").json
        return {one["labels"].get(REVISION, "") for one in shown["platforms"]}


Scene = Callable[..., Forgery]


@pytest.fixture
def scene(make_project: Callable[..., Project], make_targets: TargetsFactory, tmp_path: Path) -> Scene:
    """Give a function that makes a `Forgery`. `log`: `file` or `sqlite`. `first`: the target of v1.4.1."""

    def make(log: str = "file", *, first: str | None = None, **settings: Any) -> Forgery:
        path = str(tmp_path / "log.db")
        section = {"store": "sql", "url": f"sqlite:///{path}"} if log == "sqlite" else None
        project = make_project(project="acme/app", log=section, **settings)
        place: dict[str, Any] = {"store": "file", "path": str(project.repo.path / ".shipmark/log.jsonl")}
        if section is not None:
            place = section
            migrate(section["url"])
        project.must("run", *(["--image", first] if first else []))
        project.release_commit("v1.4.2")
        return Forgery(project, make_targets, place)

    return make


def released_rightly(forgery: Forgery, result: Result, digest: str) -> None:
    """Require that the run ignored the forged image, said why, built the release itself, and left valid records."""
    assert result.code == 0, result.stderr
    assert "is another image" in result.stderr
    tags = forgery.project.tags
    assert {tags[name] for name in NEXT} == {tags["1.4.2"]} != {digest}
    assert forgery.revisions("1.4.2") == {forgery.project.repo.head}
    (abandoned,) = [entry for entry in forgery.entries() if entry["kind"] == "abandoned"]
    assert (abandoned["lost"], abandoned["attempt"]) == (digest, "forged")
    assert "is another image" in abandoned["reason"]
    forgery.project.must("log", "verify", "--registry")
    again = forgery.run()
    assert again.code == 0, again.stderr
    assert "is another image" not in again.stderr
    assert forgery.project.tags == tags


@pytest.mark.parametrize("log", ["file", "sqlite"])
def test_forged_entry_with_an_older_release_is_not_resumed(scene: Scene, log: str) -> None:
    forgery = scene(log)
    older = forgery.project.tags["1.4.1"]
    forgery.write(older)
    released_rightly(forgery, forgery.run(), older)


def test_forged_entry_in_a_git_log_is_not_resumed(
    make_project: Callable[..., Project], make_targets: TargetsFactory, tmp_path: Path
) -> None:
    project = make_project(project="acme/app", log={"store": "git"})
    bare = project.repo.clone(tmp_path / "remote.git", "--bare").path
    project.repo.git("remote", "add", "origin", f"file://{bare}")
    project.must("run")
    project.release_commit("v1.4.2")
    project.repo.git("push", "--quiet", "origin", "HEAD", "v1.4.2")
    place = {"store": "git", "url": f"file://{bare}", "cache": str(tmp_path / "caches")}
    forgery = Forgery(project, make_targets, place)
    older = project.tags["1.4.1"]
    forgery.write(older)
    released_rightly(forgery, forgery.run(), older)


def test_forged_entry_with_an_image_in_a_local_layout_is_not_resumed(
    scene: Scene, make_targets: TargetsFactory
) -> None:
    forgery = scene(first="oci:dist/older")
    with make_targets(root=str(forgery.project.repo.path)) as targets:
        found = targets.open("oci:dist/older").resolve("1.4.1")
    assert found is not None
    assert forgery.project.tags == {}
    forgery.write(found.digest)
    released_rightly(forgery, forgery.run(), found.digest)


def test_forged_index_with_one_platform_of_another_commit_is_not_resumed(scene: Scene) -> None:
    forgery = scene(build={"builder": "layers", "platforms": ["linux/amd64", "linux/arm64"]})
    right = make_image({"a": b"1"}, labels=forgery.labels)
    wrong = make_image({"a": b"2"}, labels={**forgery.labels, REVISION: "f" * 40}, platform="linux/arm64")
    index = forgery.put(make_index(right, wrong))
    forgery.write(index)
    released_rightly(forgery, forgery.run(), index)


def test_forged_index_with_an_unlabelled_platform_is_not_resumed(scene: Scene) -> None:
    forgery = scene(build={"builder": "layers", "platforms": ["linux/amd64", "linux/arm64"]})
    right = make_image({"a": b"1"}, labels=forgery.labels)
    index = forgery.put(make_index(right, make_image({"a": b"2"}, platform="linux/arm64")))
    forgery.write(index)
    released_rightly(forgery, forgery.run(), index)


def test_forged_index_with_a_wrong_platform_is_not_resumed(scene: Scene) -> None:
    forgery = scene(build={"builder": "layers", "platforms": ["linux/amd64", "linux/arm64"]})
    right = make_image({"a": b"1"}, labels=forgery.labels)
    twice = make_image({"a": b"2"}, labels=forgery.labels)  # for amd64, listed as arm64
    index = forgery.put(make_index(right, twice))
    forgery.write(index)
    released_rightly(forgery, forgery.run(), index)


def test_forged_image_for_another_platform_is_not_resumed(scene: Scene) -> None:
    forgery = scene(build={"builder": "layers", "platforms": ["linux/amd64"]})
    other = forgery.put(make_image({"a": b"1"}, labels=forgery.labels, platform="linux/arm64"))
    forgery.write(other)
    released_rightly(forgery, forgery.run(), other)


@pytest.mark.parametrize("of", ["an older release", "an index", "an image without labels", "other inputs"])
def test_forged_entry_of_one_platform_is_not_resumed(scene: Scene, of: str) -> None:
    """A recorded image of one platform is joined with built ones only if its labels agree with the release."""
    forgery = scene(build={"builder": "layers", "platforms": ["linux/amd64", "linux/arm64"]})
    older = json.loads(forgery.project.registry.manifest(forgery.project.name, "1.4.1")[1])
    right = make_image({"a": b"1"}, labels=forgery.labels)
    others: dict[str, Callable[[], str]] = {
        "an older release": lambda: str(older["manifests"][0]["digest"]),
        "an index": lambda: forgery.put(make_index(right)),
        "an image without labels": lambda: forgery.put(make_image({"a": b"1"})),
        "other inputs": lambda: forgery.put(
            make_image({"a": b"1"}, labels={**forgery.labels, INPUTS: f"{SCHEMA}:{'0' * 64}"})
        ),
    }
    digest = others[of]()
    forgery.write(digest, kinds=("planned", "built-platform"))
    result = forgery.run()
    assert result.code == 0, result.stderr
    says_so = of in {"an older release", "an image without labels"}
    assert (f"{digest} for `linux/amd64`, which is another image" in result.stderr) == says_so
    index = json.loads(forgery.project.registry.manifest(forgery.project.name, "1.4.2")[1])
    assert digest not in {one["digest"] for one in index["manifests"]}
    assert forgery.revisions("1.4.2") == {forgery.project.repo.head}
    assert {forgery.project.tags[name] for name in NEXT} == {forgery.project.tags["1.4.2"]}


def test_forged_image_with_a_broken_config_is_not_resumed(scene: Scene) -> None:
    forgery = scene()
    broken = make_image({"a": b"1"}, config=b"[]")
    forgery.write(forgery.put(broken))
    released_rightly(forgery, forgery.run(), broken.digest)


@pytest.mark.parametrize("label", [f"{SCHEMA}:{'0' * 64}", f"{SCHEMA}:short", f"{SCHEMA}:"])
def test_image_with_another_inputs_label_is_refused(scene: Scene, label: str) -> None:
    forgery = scene()
    other = forgery.put(make_image({"a": b"1"}, labels={**forgery.labels, INPUTS: label}))
    forgery.write(other)
    result = forgery.run()
    assert result.code == 6
    assert f"label `{INPUTS}` differs" in result.stderr
    assert "hint: " in result.stderr
    assert "1.4.2" not in forgery.project.tags


def test_refusal_of_a_recorded_image_names_the_build_input_that_changed(scene: Scene) -> None:
    forgery = scene()
    other = forgery.put(make_image({"a": b"1"}, labels={**forgery.labels, INPUTS: f"{SCHEMA}:{'0' * 64}"}))
    forgery.inputs["dockerfile"] = "Dockerfile.fat"
    forgery.write(other)
    result = forgery.run()
    assert result.code == 6
    assert '`dockerfile`: `"Dockerfile.fat"` then, `"Dockerfile"` now' in result.stderr


@pytest.mark.parametrize("label", [None, "other.tool/7:abc"])
def test_image_without_a_comparable_inputs_label_is_resumed_with_a_warning(
    scene: Scene, label: str | None
) -> None:
    """Images of 0.1.0 have no inputs label, and a later version may write the label under another schema."""
    forgery = scene()
    labels = {name: text for name, text in forgery.labels.items() if name != INPUTS}
    ours = forgery.put(make_image({"a": b"1"}, labels=labels | ({INPUTS: label} if label else {})))
    forgery.write(ours)
    result = forgery.run()
    assert result.code == 0, result.stderr
    assert result.stderr.count("names no inputs") == 1
    assert forgery.project.tags["1.4.2"] == ours
    planned = [entry for entry in forgery.entries() if entry["kind"] == "planned"][-1]
    assert planned["image_inputs"] == "unlabelled"
    again = forgery.run()
    assert "names no inputs" not in again.stderr


def test_forged_released_entry_with_another_image_is_refused(scene: Scene) -> None:
    forgery = scene()
    forgery.write(forgery.project.tags["1.4.1"], kinds=("planned", "built", "pushed", "released"))
    result = forgery.run()
    assert result.code == 6
    assert "is another image: it says commit" in result.stderr
    assert "1.4.2" not in forgery.project.tags


@pytest.mark.parametrize("name", ["latest", "../../x", "sha256:abc"])
def test_forged_released_entry_without_a_valid_digest_is_refused(scene: Scene, name: str) -> None:
    forgery = scene()
    before = forgery.project.tags
    forgery.write(name, kinds=("released",))
    result = forgery.run()
    assert result.code == 6
    assert "which is not a digest" in result.stderr
    assert forgery.project.tags == before


def test_image_with_another_version_of_the_commit_is_not_resumed(scene: Scene) -> None:
    forgery = scene()
    candidate = forgery.put(make_image({"a": b"1"}, labels={**forgery.labels, VERSION: "1.4.2-rc.1"}))
    forgery.write(candidate)
    released_rightly(forgery, forgery.run(), candidate)


def test_log_verify_reports_an_image_whose_labels_differ_from_the_log(scene: Scene) -> None:
    """Each tag holds the recorded digest, but the labels of the image name another version."""
    forgery = scene()
    project = forgery.project
    older = project.tags["1.4.1"]
    project.must("image", "copy", f"{project.image}@{older}", f"{project.image}:1.4.2")
    forgery.write(older, kinds=("planned", "built", "pushed", "released"))
    result = project("log", "verify", "--registry", "--json")
    assert result.code == 6
    findings = {one["tag"]: one for one in result.json["tags"]}
    assert findings["1.4.2"]["finding"] == "differs"
    assert f"the log {project.repo.head}" in findings["1.4.2"]["detail"]
    assert findings["1.4.1"]["finding"] == "same"
    assert "is not the image that the log says" in result.stderr
    assert "hint: " in result.stderr


def test_log_verify_reports_an_image_whose_inputs_differ_from_the_log(scene: Scene) -> None:
    forgery = scene()
    project = forgery.project
    other = forgery.put(make_image({"a": b"1"}, labels={**forgery.labels, INPUTS: f"{SCHEMA}:{'0' * 64}"}))
    project.must("image", "copy", f"{project.image}@{other}", f"{project.image}:1.4.2")
    kinds = ("planned", "built", "pushed", "released")
    forgery.write(other, kinds=kinds, inputs_label=forgery.labels[INPUTS])
    result = project("log", "verify", "--registry")
    assert result.code == 6
    assert "the image says inputs" in result.stderr


def test_promote_ignores_a_forged_version_that_the_label_contradicts(scene: Scene) -> None:
    forgery = scene()
    project = forgery.project
    older = project.tags["1.4.1"]
    more = {"version": "9.9.9", "image_version": "1.4.1", "inputs": {"labels": {VERSION: "1.4.1"}}}
    commit = project.repo.git("rev-parse", "HEAD^").strip()
    forgery.write(older, kinds=("planned", "built", "released"), key="9" * 64, of_commit=commit, **more)
    to = f"{project.registry.host}/acme/prod"
    result = project.must("promote", f"{project.image}@{older}", "--to", to)
    assert "9.9.9, and is not believed: the image says version 1.4.1" in result.stderr, result.stderr
    assert set(project.registry.tags("acme/prod")) == {"1.4.1", "1.4", "1", "latest"}
    real = next(entry["release"] for entry in forgery.entries() if entry["kind"] == "released")
    promoted = forgery.entries()[-1]
    assert (promoted["kind"], promoted["version"], promoted["release"]) == ("promoted", "1.4.1", real)


def test_unreadable_image_ends_the_run_and_the_next_run_resumes_it(scene: Scene, gate: Gate) -> None:
    forgery = scene(image=f"{gate.host}/acme/app")
    right = make_image({"a": b"1"}, labels=forgery.labels)
    forgery.write(forgery.put(right))
    config = json.loads(right.manifest.raw)["config"]["digest"]

    def deny(passage: Passage) -> Answer | None:
        return (403, [], b"{}") if passage.path.endswith(f"/blobs/{config}") else None

    gate.instead = deny
    result = forgery.run()
    assert result.code == 5
    assert "cannot be read" in result.stderr
    assert "1.4.2" not in forgery.project.tags
    assert "abandoned" not in [entry["kind"] for entry in forgery.entries()]
    gate.instead = lambda passage: None
    assert forgery.run().code == 0
    assert forgery.project.tags["1.4.2"] == right.digest


def test_version_tag_that_another_image_gets_during_the_run_is_a_conflict(scene: Scene, gate: Gate) -> None:
    """The tag is set after the run has pushed its manifests and has seen the tag free; no release is recorded."""
    forgery = scene(image=f"{gate.host}/acme/app")
    project = forgery.project
    older = project.tags["1.4.1"]
    taken: list[str] = []

    def take(passage: Passage) -> bool:
        if passage.method == "PUT" and "/manifests/sha256:" in passage.path and not taken:
            taken.append(older)
            project.registry.add_tags(project.name, older, ["1.4.2"])
        return True

    gate.after = take
    result = forgery.run()
    assert taken
    assert result.code == 7, result.stderr  # the commit's own tag is put beside it
    assert f"already holds {older}" in result.stderr
    tags = project.tags
    assert {tags[name] for name in ("1.4.2", "1.4", "1", "latest")} == {older}
    kinds = [entry["kind"] for entry in forgery.entries() if entry["release"] == forgery.key]
    assert kinds == ["planned", "built", "failed"]
