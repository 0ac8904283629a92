"""Writes the outputs, environment variables and bake files of `metadata`, as docker/metadata-action does."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping

from ci.outputs import outputs_text
from release.app.session import Session
from release.cli.output.files import append_output, write_output
from release.errors import ConfigError
from release.tagging.metadata import Metadata

BAKE_FILES = ("bake-file", "bake-file-tags", "bake-file-labels", "bake-file-annotations")
OUTPUTS = ("json", "version", "tags", "tag-names", "labels", "annotations", *BAKE_FILES)
_TRUTH = {**dict.fromkeys(("0", "f", "F", "false", "False", "FALSE"), False)} | {
    **dict.fromkeys(("1", "t", "T", "true", "True", "TRUE"), True)
}


def output_texts(metadata: Metadata, separators: Mapping[str, str]) -> dict[str, str]:
    """The outputs of `metadata` as texts, except bake files. `separators`: for `tags`, `labels` and `annotations`."""
    labels = (f"{name}={value}" for name, value in metadata.labels.items())
    levels = metadata.leveled_annotations()
    return {
        "version": metadata.version or "",
        "tags": separators["tags"].join(metadata.tags),
        "tag-names": separators["tags"].join(metadata.tag_names),
        "labels": separators["labels"].join(_item(label) for label in labels),
        "annotations": separators["annotations"].join(_item(level) for level in levels),
        "json": json.dumps(metadata.document(), separators=(",", ":"), ensure_ascii=False),
    }


def _item(text: str) -> str:
    """One item of a list output; line breaks become blanks, since readers split the list at line breaks."""
    return " ".join(text.splitlines())


def bake_text(metadata: Metadata, name: str) -> str:
    """The JSON text of the bake file called `name`."""
    return json.dumps(metadata.bake_files()[name], indent=2, ensure_ascii=False)


def write_bake_files(
    session: Session, metadata: Metadata, folder: str | None, *, wanted: bool
) -> dict[str, str]:
    """Write the bake files, and return their paths by the name of their output.

    `folder`: where to write; None for a new folder in RUNNER_TEMP, if the files are `wanted`, else for writing none.
    """
    temporary = session.settings.env.get("RUNNER_TEMP")
    if folder is None and wanted and temporary:
        folder = os.path.join(temporary, f"shipmark-metadata-{session.entropy.token(8)}")
    if folder is None:
        return {}
    folder = os.path.join(session.directory, folder)
    paths = {}
    for name in BAKE_FILES:
        paths[name] = os.path.join(folder, f"docker-metadata-action-{name.replace('-file', '')}.json")
        write_output(session, paths[name], bake_text(metadata, name))
    return paths


def write_outputs(session: Session, outputs: Mapping[str, str]) -> None:
    """Append `outputs` to the file GITHUB_OUTPUT, and as variables `DOCKER_METADATA_OUTPUT_…` to GITHUB_ENV.

    GITHUB_ENV is left alone if it is not set, or if DOCKER_METADATA_SET_OUTPUT_ENV is false. Raises `ConfigError` if
    GITHUB_OUTPUT is not set, or DOCKER_METADATA_SET_OUTPUT_ENV is not a truth value.
    """
    env = session.settings.env
    path = env.get("GITHUB_OUTPUT")
    if not path:
        raise ConfigError(
            "`--github-output` was given, but `GITHUB_OUTPUT` names no file", hint="redirect stdout instead"
        )
    append_output(session, path, outputs_text(outputs, session.entropy.token()))
    if env.get("GITHUB_ENV") and _sets_environment(env):
        variables = {
            f"DOCKER_METADATA_OUTPUT_{name.upper().replace('-', '_')}": text for name, text in outputs.items()
        }
        append_output(session, env["GITHUB_ENV"], outputs_text(variables, session.entropy.token()))


def _sets_environment(env: Mapping[str, str]) -> bool:
    text = env.get("DOCKER_METADATA_SET_OUTPUT_ENV") or "true"
    if text not in _TRUTH:
        raise ConfigError(
            f"`DOCKER_METADATA_SET_OUTPUT_ENV` is `{text}`, which is not a truth value",
            hint="set it to `true` or `false`",
        )
    return _TRUTH[text]
