"""Random Dockerfiles without programs, and the settings that `layers` and BuildKit give the image of one."""

from __future__ import annotations

import json
import random
from typing import Any

from release.build.context.tree import Tree
from release.build.dockerfile.parser import parse
from release.build.embedded.stages import build_stages
from release.errors import BuildError
from release.oci.image_json import config_document, parse_platform
from tests.support.buildkit_conversion.questions import ARGS, question
from tests.support.releases.flattened import settings_of
from tests.support.stages import CONTEXT, Files, file

_FILES = Tree({**CONTEXT, "a": file("a"), "b": file("b"), "c": file("c")})
_LINES = """
ENV A=1 B=$A|ENV A=$A:x|ENV PATH=/x:$PATH|ENV C='q q' D="$A"|ENV E|ENV F a b  c|ENV Z=${Z:-d}|ENV Y=${A+set}
ENV V2=${A/1/2} V3=${A##*r}|ENV A= B=|ENV T=$TARGETARCH|ENV "Q R"=1|ENV Q\\ R=2|LABEL x=$A "y z"='w'|LABEL ""=x
LABEL a= b=""|EXPOSE 80 81/udp|EXPOSE 8000-8003|EXPOSE $P|VOLUME /a /b|VOLUME ["/c", "/d e"]|VOLUME x|VOLUME ["$A"]
WORKDIR /a|WORKDIR b|WORKDIR ../c|WORKDIR /|WORKDIR /a/./b//c/|WORKDIR $A/$Z|USER a:b|USER 1|USER $A|CMD a b
CMD ["a","b"]|CMD []|CMD echo "$A" 'q'|ENTRYPOINT x $A|ENTRYPOINT ["x"]|ENTRYPOINT []|SHELL ["/bin/bash","-c"]
SHELL ["a", "b"]|STOPSIGNAL 9|STOPSIGNAL SIGTERM|STOPSIGNAL ${S:-SIGINT}|HEALTHCHECK NONE|HEALTHCHECK CMD a b
HEALTHCHECK --interval=5s --retries=2 CMD ["a"]|HEALTHCHECK --start-period=1m --start-interval=2s --timeout=3s CMD a
HEALTHCHECK CMD echo "a b" $X|ONBUILD COPY a b|ONBUILD ENV X=$A|ONBUILD CMD z|ONBUILD WORKDIR /ob|ARG A=arg|ARG Z=$A
ARG A|ARG P=80|ARG TARGETARCH|COPY a /x
"""
_INSTRUCTIONS = [one for line in _LINES.split("\n") for one in line.split("|") if one]
_NAMES = ["first", "second", "third"]


def settings_question(rng: random.Random) -> dict[str, Any]:
    """Make a random Dockerfile of up to three stages with settings, now and then with one odd character."""
    lines = ["# escape=`"] if rng.random() < 0.15 else []
    lines += [rng.choice(ARGS) for _ in range(rng.choice([0, 1]))]
    for index in range(rng.choice([1, 1, 2, 3])):
        base = "scratch" if index == 0 or rng.random() < 0.4 else rng.choice(_NAMES[:index])
        lines.append(f"FROM {base} AS {_NAMES[index]}")
        lines += [rng.choice(_INSTRUCTIONS) for _ in range(rng.choice([1, 2, 4, 7]))]
    text = "\n".join(lines) + "\n"
    if rng.random() < 0.15:
        at = rng.randrange(len(text))
        odd = rng.choice(["", "\\", '"', "'", "$", "${A}", " ", "#", "\t"])
        text = text[:at] + odd + text[at + rng.randint(0, 2) :]
    return {**question(rng), "dockerfile": text, "target": ""}


def settings_by_layers(asked: dict[str, Any]) -> dict[str, Any] | None:
    """Return the settings of the image that `layers` makes; None if it makes none."""
    try:
        image = build_stages(
            parse(asked["dockerfile"]),
            _FILES,
            target=None,
            platform=parse_platform(asked["platform"]),
            given=asked["args"],
            files=Files(),
        )
    except BuildError:
        return None
    raw = config_document(
        image.config, parse_platform(asked["platform"]), diff_ids=(), history=image.history, created=0
    )
    return settings_of(json.loads(raw)["config"])
