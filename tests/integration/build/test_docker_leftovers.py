"""What a build by a docker daemon leaves there: its cache, and no image, container or tag."""

from __future__ import annotations

from typing import Any

import pytest

from release.build.docker import image_build
from release.docker.saved_images import store_archive
from release.errors import BuildError, Terminated
from tests.support.releases.docker_project import DockerProject
from tests.support.services.docker import DockerDaemon


class TestLeftImages:
    """Which images a build removes from the docker daemon: only the untagged one that it made."""

    def labelled(self, daemon: DockerDaemon, label: str) -> list[str]:
        found = daemon.docker("images", "--all", "--quiet", "--filter", f"label=docker-test={label}")
        return found.stdout.decode().split()

    def test_built_image_is_removed_from_the_daemon_after_its_export(
        self, docker_project: DockerProject, docker_daemon: DockerDaemon
    ) -> None:
        docker_project.write("Dockerfile", "FROM scratch\nCOPY Dockerfile /\n")
        docker_project.build(labels={"docker-test": "gone"})
        assert self.labelled(docker_daemon, "gone") == []

    def test_build_cache_of_the_docker_daemon_is_kept_after_a_build(
        self, docker_project: DockerProject
    ) -> None:
        docker_project.write("Dockerfile", "FROM busybox:test\nRUN echo once; date +%N > /n\n")
        docker_project.build(labels={"docker-test": "one"})
        docker_project.sink.events.clear()
        docker_project.build(labels={"docker-test": "two"})
        assert "once" not in docker_project.sink.lines

    def test_image_that_existed_before_the_build_is_not_removed(
        self, docker_project: DockerProject, docker_daemon: DockerDaemon
    ) -> None:
        docker_project.write("Dockerfile", "FROM scratch\nCOPY Dockerfile /\n")
        docker_daemon.docker("build", "--label", "docker-test=before", str(docker_project.root))
        before = self.labelled(docker_daemon, "before")
        assert len(before) == 1
        docker_project.build(labels={"docker-test": "before"})
        assert self.labelled(docker_daemon, "before") == before

    def test_base_image_built_without_a_change_is_not_removed(
        self, docker_project: DockerProject, docker_daemon: DockerDaemon
    ) -> None:
        docker_project.write("Dockerfile", "FROM busybox:test\n")
        docker_project.build()
        assert docker_daemon.api("GET", "/images/busybox:test/json")[0] == 200

    def test_failed_export_leaves_no_image_in_the_daemon(
        self, docker_project: DockerProject, docker_daemon: DockerDaemon, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        docker_project.write("Dockerfile", "FROM scratch\nCOPY Dockerfile /\n")

        def fail(*_: Any, **__: Any) -> Any:
            raise BuildError("the disk is full")

        monkeypatch.setattr(image_build, "store_archive", fail)
        docker_project.refusal(labels={"docker-test": "failed"})
        assert self.labelled(docker_daemon, "failed") == []

    def test_signal_after_the_build_leaves_no_image_in_the_daemon(
        self, docker_project: DockerProject, docker_daemon: DockerDaemon, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        docker_project.write("Dockerfile", "FROM scratch\nCOPY Dockerfile /\n")

        def trip(*_: Any, **__: Any) -> Any:
            docker_project.cancel.trip(Terminated("terminated"))
            docker_project.cancel.check()

        monkeypatch.setattr(image_build, "store_archive", trip)
        with pytest.raises(Terminated):
            docker_project.build(labels={"docker-test": "stopped"})
        assert self.labelled(docker_daemon, "stopped") == []

    def test_built_image_that_was_tagged_meanwhile_is_not_removed(
        self, docker_project: DockerProject, docker_daemon: DockerDaemon, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        docker_project.write("Dockerfile", "FROM scratch\nCOPY Dockerfile /\n")

        def tag(*args: Any, **options: Any) -> Any:
            (made,) = self.labelled(docker_daemon, "tagged")
            docker_daemon.docker("tag", made, "docker-test/tagged:1")
            return store_archive(*args, **options)

        monkeypatch.setattr(image_build, "store_archive", tag)
        docker_project.build(labels={"docker-test": "tagged"})
        assert docker_daemon.api("GET", "/images/docker-test/tagged:1/json")[0] == 200
        docker_daemon.docker("rmi", "docker-test/tagged:1")


def test_a_docker_build_leaves_no_container_and_no_tag(
    docker_project: DockerProject, docker_daemon: DockerDaemon
) -> None:
    before = _tags(docker_daemon)
    docker_project.write("Dockerfile", "FROM busybox:test\nRUN echo leave > /l\nRUN exit 3\n")
    docker_project.refusal()
    docker_project.write("Dockerfile", "FROM busybox:test\nRUN echo leave > /l\n")
    docker_project.build()
    assert _tags(docker_daemon) == before
    _, containers = docker_daemon.api("GET", "/containers/json?all=1")
    assert not [each for each in containers if "leave" in each["Command"] or "exit 3" in each["Command"]]


def _tags(daemon: DockerDaemon) -> set[str]:
    """Return every image name in the docker daemon."""
    _, images = daemon.api("GET", "/images/json")
    return {tag for image in images for tag in image["RepoTags"] or ()} - {"<none>:<none>"}
