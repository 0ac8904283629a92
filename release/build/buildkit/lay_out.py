"""Writes the input of one build into its private folder: the contexts and the Dockerfile."""

from __future__ import annotations

import os

from release.build.buildkit.farm import Farm
from release.build.buildkit.request import Request
from release.build.context import open_named, walk
from release.build.extras.options import Extras
from release.build.task_input import TaskInput
from release.control import Cancel

# BuildKit compresses each layer twice, see `rewrite-timestamp`. With gzip's level 1 it takes half of the time of its
# own level, 6, each time. Layers of programs are 13 % larger then, about as large as those that `layers` makes.
_FAST = 1


def lay_out(read: TaskInput, extras: Extras, folder: str, cancel: Cancel) -> Request:
    """Write the contexts and the Dockerfile below `folder`. Raises `BuildError`, `OSError`."""
    task, spec = read.task, read.task.spec
    farm = Farm(created=task.created, check=cancel.check, for_run=read.reach.runs_on_files)
    context = os.path.join(folder, "context")
    farm.lay_out(read.chosen.files, context)
    folders = {}
    for number, (name, path) in enumerate(extras.folders.items()):
        named = open_named(task, name, path)
        folders[name] = os.path.join(folder, f"context-{number}")
        farm.lay_out(walk(named, check=cancel.check), folders[name])
    dockerfile = _write_dockerfile(os.path.join(folder, "dockerfile"), read)
    return Request(
        context=context,
        dockerfile_folder=os.path.dirname(dockerfile),
        dockerfile=os.path.basename(dockerfile),
        output=os.path.join(folder, "image"),
        created=task.created,
        labels=task.labels,
        annotations=task.annotations,
        args=read.values.args,
        platforms=tuple(dict.fromkeys(str(platform) for platform in read.platforms)),
        target=spec.target,
        network=spec.network,
        provenance=spec.provenance,
        sbom=spec.sbom,
        compression="zstd" if spec.compression == "zstd" else "gzip",
        level=_FAST if spec.compression == "gzip" else None,
        folders=folders,
        extras=extras,
    )


def _write_dockerfile(folder: str, read: TaskInput) -> str:
    """Write the Dockerfile that `prepare` read, and an ignore file that hides nothing: our rules were applied already.

    BuildKit would apply a `.dockerignore` of the context anew. Returns the Dockerfile's path.
    """
    os.mkdir(folder, 0o700)
    own = os.path.basename(read.context.dockerfile.name)
    # BuildKit asks for the file in a header of HTTP/2, which no control character may stand in.
    path = os.path.join(folder, own if own and own.isprintable() else "Dockerfile")
    for name, content in ((path, read.context.text), (f"{path}.dockerignore", b"# applied by shipmark\n")):
        with open(name, "xb") as file:
            file.write(content)
    return path
