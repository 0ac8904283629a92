"""Carries out a build that `builder.py` has checked: lays out the files, runs BuildKit and takes the image."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import msgspec

from release.build import BuiltImage
from release.build.buildkit.adoption import Adopted, adopt
from release.build.buildkit.environment import buildx_folder, child_environment
from release.build.buildkit.failures import failure, full_place
from release.build.buildkit.lay_out import lay_out
from release.build.buildkit.loaded import DaemonImages
from release.build.buildkit.local_caches import LocalCaches
from release.build.buildkit.progress import BuildProgress
from release.build.buildkit.push import Destination, NotPushed, require_pushed
from release.build.buildkit.request import Call, Request, buildctl_call, buildx_call
from release.build.buildkit.working_folder import CACHE_FOLDER, not_prepared, working_folder
from release.build.context.digest import hashing
from release.build.result import built_image
from release.errors import BuildError
from release.events import LastLines, Note
from release.hints import NAMES_PLATFORM
from release.layout.adopt import made_layout, translated
from release.oci.image_json import parse_platform

if TYPE_CHECKING:
    from release.build.buildkit.builder import CheckedBuild


class Building:
    """One build by BuildKit, for all platforms or for one."""

    def __init__(self, checked: CheckedBuild) -> None:
        self._checked = checked
        self._caches = LocalCaches(checked.extras.local_caches)

    def build(self, store: str, platform: str | None = None) -> BuiltImage:
        """Build for all platforms at once, or for `platform`. Raises `BuildError`."""
        spec = self._checked.read.task.spec
        for cache in self._checked.extras.skipped:
            text = f"the cache `{cache}` is not used: ACTIONS_RUNTIME_TOKEN is not set"
            hint = "in GitHub Actions, `uses: crazy-max/ghaction-github-runtime` sets it"
            self._checked.sink.emit(Note(level="info", text=text, hint=hint))
        name = hashlib.sha256(f"{spec.context}\0{spec.dockerfile}\0{spec.target}".encode()).hexdigest()[:16]
        try:
            with (
                hashing(self._checked.read.chosen, self._checked.cancel) as context,
                working_folder(f"{store}.buildkit", name) as folder,
            ):
                request = lay_out(self._checked.read, self._checked.extras, folder, self._checked.cancel)
                if platform is not None:
                    request = msgspec.structs.replace(request, platforms=(platform,))
                adopted = self._obtain(request, folder, store)
                built_from = context.built_from()
        except OSError as error:
            raise not_prepared(error, f"{store}.buildkit") from error
        self._check(adopted, request.platforms)
        built = built_image(adopted.top, adopted.images, self._checked.tool.versions, built_from)
        return msgspec.structs.replace(built, pushed_to=adopted.pushed_to)

    def _obtain(self, request: Request, folder: str, store: str) -> Adopted:
        """Build, and have the image pushed, exported to a layout, or loaded into the docker daemon."""
        if self._checked.destination is not None:
            pushed = self._push(self._checked.destination, request, folder)
            if pushed is not None:
                return pushed
        if self._checked.tool.is_loading:
            return self._load(request, folder, store)
        self._run(request, folder)
        with translated():
            return adopt(request.output, made_layout(store), self._checked.secrecy, self._checked.cancel)

    def _push(self, destination: Destination, request: Request, folder: str) -> Adopted | None:
        """Have BuildKit push the image; None if BuildKit could not, and shipmark may."""
        try:
            request, variables = destination.prepare(
                request, folder, self._checked.env, self._checked.secrecy
            )
            self._run(request, folder, variables)
            return destination.read_back(request, self._checked.read.values.args, self._checked.cancel)
        except NotPushed as error:
            if self._checked.read.task.spec.push == "by-digest":
                raise
            self._checked.sink.emit(
                Note(
                    level="warning",
                    text=f"{error.message}; shipmark pushes the image instead",
                    hint=error.hint or "`build: {push: by-client}` does that at once",
                )
            )
            return None

    def _load(self, request: Request, folder: str, store: str) -> Adopted:
        """Build for one platform into the docker daemon, and export the image from there into the store."""
        annotations = self._checked.read.task.annotations
        layout = made_layout(store)
        daemon = DaemonImages(
            _of_context(self._checked.env, self._checked.tool.docker_context),
            codec=self._checked.read.codec,
            sink=self._checked.sink,
            cancel=self._checked.cancel,
        )
        name = f"shipmark-build:{os.path.basename(folder)}"
        try:
            self._run(msgspec.structs.replace(request, loaded_as=name), folder)
            image = daemon.take(name, layout, self._checked.secrecy, annotations)
        finally:
            daemon.remove(name)
        return Adopted(top=image[1], images=(image,))

    def _run(self, request: Request, folder: str, variables: Mapping[str, str] = {}) -> None:
        """Run the program. `variables`: further ones for it.

        Raises `BuildError`; `NotPushed` if only the push failed.
        """
        call = self._call(request)
        progress = BuildProgress(
            self._checked.sink, self._checked.secrecy.hide, self._checked.read.context.dockerfile.name
        )
        secrets = [secret.variable for secret in self._checked.extras.secrets if secret.variable is not None]
        env = child_environment(self._checked.env) | {name: self._checked.env[name] for name in secrets}
        env |= {**variables, **call.env}
        try:
            code = self._checked.process.follow(call.argv, cwd=folder, env=env, take=progress.take)
        except FileNotFoundError as error:
            raise BuildError(f"`{call.argv[0]}` does not exist any more", hint="run again") from error
        if code != 0 and request.pushed_to is not None:
            require_pushed(request.pushed_to, progress)
        if code != 0:
            raise self._failure(progress, request, code)
        if progress.wrong_base is not None:
            line, text = progress.wrong_base
            name = self._checked.read.context.dockerfile.name
            raise BuildError(
                f"{name}:{line}: {text}" if line else f"{name}: {text}",
                hint="the files of the base would be for another processor: take a base image for this platform",
            )

    def _call(self, request: Request) -> Call:
        tool = self._checked.tool
        if tool.kind == "buildx":
            return buildx_call(tool.program, tool.builder, request, self._checked.env)
        return buildctl_call(tool.program, request, self._checked.env, takes_variables=tool.takes_variables)

    def _failure(self, progress: BuildProgress, request: Request, code: int) -> BuildError:
        failed = progress.failed
        step = progress.name_of(failed) if failed is not None else None
        lines = progress.last_lines()
        if lines:
            self._checked.sink.emit(LastLines(step=step or "", lines=tuple(lines)))
        buildx = buildx_folder(self._checked.env)
        full = full_place(progress.said, self._caches.places)
        if full is not None:
            self._caches.remove_unfinished(full)
        return failure(
            tuple(progress.said),
            self._checked.read.context.dockerfile.name,
            step=step,
            code=code,
            written=lines,
            places={
                os.path.dirname(request.output): CACHE_FOLDER,
                **self._caches.places,
                buildx: f"`{buildx}`, where buildx keeps its state (BUILDX_CONFIG)",
            },
        )

    def _check(self, adopted: Adopted, platforms: Sequence[str]) -> None:
        """Raise `BuildError` unless the image is for the platforms that were asked for."""
        is_sealed = self._checked.read.task.spec.provenance == "max" and bool(self._checked.read.values.args)
        if adopted.is_telling or is_sealed:
            self._checked.sink.emit(
                Note(
                    level="warning",
                    text="the image's history or its provenance holds values of build arguments",
                    hint="take `secrets:` for what nobody may see",
                )
            )
        wanted = tuple(map(parse_platform, platforms))
        found = [platform for platform, _ in adopted.images]
        if wanted and (len(found) != len(wanted) or set(found) != set(wanted)):
            raise BuildError(
                f"BuildKit built for {_shown(found)} where {_shown(wanted)} was asked for",
                hint=NAMES_PLATFORM,
            )


def _shown(platforms: object) -> str:
    return ", ".join(f"`{one}`" for one in platforms) if isinstance(platforms, list | tuple) else ""


def _of_context(env: Mapping[str, str], name: str) -> Mapping[str, str]:
    """The environment in which docker's context `name` is the current one. DOCKER_HOST overrides it, as in buildx."""
    return env if name == "default" else {**env, "DOCKER_CONTEXT": name}
