"""`shipmark image delete`: a tag alone, a digest with its tags, and what other images need."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from release.layout.layout import Layout
from tests.support.programs.command import Shipmark
from tests.support.registries.hostile import Hostile, Reply, Request
from tests.support.registries.image_commands import ARM, INDEX, ONE, TWO, ImageCommands
from tests.support.registries.images import make_image, store
from tests.support.registries.targets import TargetsFactory


class TestDelete:
    def test_image_delete_in_a_registry_that_deletes_no_tags_names_the_tags_of_the_digest(
        self, image_commands: ImageCommands
    ) -> None:
        image_commands.put(ONE, "1.0.0", "1", "latest")
        shown = image_commands("delete", f"{image_commands.name}:1.0.0", "--preview")
        assert set(image_commands.tags()) == {"1.0.0", "1", "latest"}
        result = image_commands("delete", f"{image_commands.name}:1.0.0")
        assert (shown.code, shown.stdout, shown.stderr) == (result.code, result.stdout, result.stderr)
        if result.code == 0:  # distribution 3
            assert set(image_commands.tags()) == {"1", "latest"}
            return
        assert result.code == 5
        assert "cannot delete a tag alone" in result.stderr
        assert "`1`, `latest` share its digest" in result.stderr
        assert f"hint: `shipmark image delete --digest {image_commands.name}@{ONE.digest}`" in result.stderr
        assert set(image_commands.tags()) == {"1.0.0", "1", "latest"}

    def test_image_delete_in_a_layout_deletes_the_tag_and_keeps_the_image(
        self, image_commands: ImageCommands, tmp_path: Path
    ) -> None:
        layout = Layout(str(tmp_path / "image"))
        store(ONE, layout, "a", "b")
        assert image_commands.must("delete", "oci:image:a", cwd=tmp_path).stdout.strip() == "oci:image:a"
        assert layout.tags() == ("b",)
        assert layout.manifest("b").digest == ONE.digest

    def test_image_delete_by_digest_deletes_and_lists_every_tag_on_it(
        self, image_commands: ImageCommands
    ) -> None:
        image_commands.put(ONE, "1.0.0", "1")
        image_commands.put(TWO, "2.0.0")
        shown = image_commands.must("delete", "--digest", "--preview", f"{image_commands.name}@{ONE.digest}")
        assert shown.stdout.split() == [
            f"{image_commands.name}:1.0.0",
            f"{image_commands.name}:1",
            f"{image_commands.name}@{ONE.digest}",
        ]
        assert set(image_commands.tags()) == {"1.0.0", "1", "2.0.0"}
        gone = image_commands.must("delete", "--digest", f"{image_commands.name}@{ONE.digest}", "--json").json
        assert gone["tags"] == ["1.0.0", "1"]
        assert image_commands("digest", f"{image_commands.name}@{ONE.digest}").code == 5
        assert image_commands.must("digest", f"{image_commands.name}:2.0.0").stdout.strip() == TWO.digest

    def test_image_delete_refuses_a_tag_whose_digest_has_other_tags(
        self, image_commands: ImageCommands
    ) -> None:
        image_commands.put(ONE, "1.0.0", "latest")
        result = image_commands("delete", "--digest", f"{image_commands.name}:1.0.0")
        assert result.code == 6
        assert "`latest`" in result.stderr
        assert set(image_commands.tags()) == {"1.0.0", "latest"}

    def test_image_delete_refuses_a_platform_of_an_index(self, image_commands: ImageCommands) -> None:
        image_commands.put(INDEX, "1.0.0")
        result = image_commands("delete", "--digest", f"{image_commands.name}@{ARM.digest}")
        assert result.code == 6
        assert f"is part of `{image_commands.name}:1.0.0`" in result.stderr
        assert image_commands.registry.manifest("acme/app", ARM.digest)[0] == ARM.digest

    def test_image_delete_refuses_the_subject_of_a_referrer(self, image_commands: ImageCommands) -> None:
        image_commands.put(ONE, "1.0.0")
        about = {"mediaType": ONE.manifest.media_type, "digest": ONE.digest, "size": len(ONE.manifest.raw)}
        image_commands.put(make_image({"sbom": b"{}"}, extra={"subject": about}), "some-sbom")
        result = image_commands("delete", "--digest", f"{image_commands.name}@{ONE.digest}")
        assert result.code == 6
        assert f"the subject of `{image_commands.name}:some-sbom`" in result.stderr

    def test_image_delete_refuses_the_subject_of_a_signature_tag(self, image_commands: ImageCommands) -> None:
        image_commands.put(ONE, "1.0.0")
        image_commands.put(TWO, f"{ONE.digest.replace(':', '-')}.sig")
        result = image_commands("delete", "--digest", f"{image_commands.name}@{ONE.digest}")
        assert result.code == 6
        assert "refers to" in result.stderr

    def test_image_delete_preview_without_the_right_to_delete_says_why_it_asks(
        self, hostile: Hostile, shipmark: Shipmark
    ) -> None:
        held = Reply(200, {"Content-Type": ONE.manifest.media_type}, ONE.manifest.raw)
        server = hostile(
            lambda request: (
                Reply(403)
                if request.method == "DELETE"
                else Reply(404)
                if "referrers" in request.path
                else held
            )
        )
        shown = shipmark("image", "delete", f"{server.host}/acme/app:1.0.0", "--preview")
        assert shown.code == 5
        assert "a preview asks the registry to delete a random name, which needs the right" in shown.stderr

    def test_refusal_to_delete_one_tag_is_no_advice_to_delete_its_digest(
        self, hostile: Hostile, shipmark: Shipmark
    ) -> None:
        held = Reply(200, {"Content-Type": ONE.manifest.media_type}, ONE.manifest.raw)
        body = b'{"errors": [{"code": "DENIED", "message": "the tag is immutable"}]}'

        def answer(request: Request) -> Reply:
            if request.method == "DELETE":
                return Reply(412, {}, body)
            return Reply(200, {}, b'{"tags": ["1.0.0", "1"]}') if "tags/list" in request.path else held

        result = shipmark("image", "delete", f"{hostile(answer).host}/acme/app:1.0.0")
        assert result.code == 5
        assert "412 (DENIED: the tag is immutable)" in result.stderr
        assert "--digest" not in result.stderr

    @pytest.mark.parametrize("keeps", [False, True])
    def test_tag_that_holds_no_image_can_be_deleted(
        self, keeps: bool, hostile: Hostile, shipmark: Shipmark
    ) -> None:
        old = {"Content-Type": "application/vnd.docker.distribution.manifest.v1+prettyjws"}
        tags = ["old", "1.0.0"]

        def answer(request: Request) -> Reply:
            if request.method == "DELETE":
                tags[:] = tags if keeps else ["1.0.0"]
                return Reply(202)
            if "tags/list" in request.path:
                return Reply(200, {}, json.dumps({"tags": tags}).encode())
            return Reply(200, old, b"{}")

        server = hostile(answer)
        result = shipmark("image", "delete", f"{server.host}/acme/app:old")
        assert result.code == (5 if keeps else 0), result.stderr
        assert ("still has it" in result.stderr) is keeps
        assert [one.path.rpartition("/")[2] for one in server.seen("DELETE")] == ["old"]

    def test_image_delete_in_a_registry_without_deletion_is_an_error(
        self, registry_factory: Callable[..., Any], shipmark: Shipmark, make_targets: TargetsFactory
    ) -> None:
        image_commands = ImageCommands(registry_factory(delete=False), shipmark, make_targets)
        image_commands.put(ONE, "1.0.0")
        for options in ([], ["--digest"]):
            result = image_commands("delete", *options, f"{image_commands.name}:1.0.0")
            assert result.code == 5
            assert "deletes nothing" in result.stderr
            shown = image_commands("delete", *options, f"{image_commands.name}:1.0.0", "--preview")
            assert (shown.code, shown.stderr) == (result.code, result.stderr)
        assert image_commands.tags() == {"1.0.0": ONE.digest}
