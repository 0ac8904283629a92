"""Random Dockerfiles whose form is right, and whose values, stages and references often are not."""

from __future__ import annotations

import random
from typing import Any

from tests.support.buildkit_parser.cases import DIRECTIVES, HEREDOCS, INSTRUCTIONS, mutated_file

_NAMES = ["base", "build", "Deps", "0", "1", "2", "x-y", "scratch"]
_TARGETS = [*_NAMES, "deps", "BASE", "none"]
_VALUES = ["", "1", "base", "alpine", "a b", "linux/arm64", "x:y", "A"]
_HASH = "a" * 64
_ARGUMENTS = """
A|A=1|BASE=base|BASE|BASE=alpine:${A}|TARGETARCH|P=linux/arm64|V=v1.2|E=|TARGETPLATFORM=linux/s390x|BUILDPLATFORM
HTTP_PROXY
"""
_BASES = f"""
scratch|base|$BASE|${{BASE:-alpine}}|--platform=$BUILDPLATFORM alpine|--platform=$TARGETPLATFORM alpine
--platform=linux/arm64 alpine|--platform=$P alpine|--platform=linux alpine|build|deps|alpine:$E|alpine:$V|ALPINE|0
a/b@sha256:{_HASH}|https://x|$TARGETARCH|x:y:z|${{A}}|oci-layout://x
"""
_SOURCES = """
base /a /b|build . /x|0 a b|1 a b|2 a b|9 a b|alpine a b|$A a b|$BASE a b|DEPS a b|scratch a b|x:y:z a b|Alpine a b
"""
_MOUNTS = """
from=base,target=/t|type=bind,from=9,target=/x|type=cache,from=build,target=/c|type=cache,id=$A,target=/c/$V
type=secret,id=$A|type=tmpfs,target=$E|type=bind,target=/|type=cache,target=/|type=secret,target=/|type=tmpfs
type=cache|type=bind,source=../x,target=/y|from=base$,target=/t|from=Alpine,target=/t|from='alpine',target=/t
"""
_WORDS = f"""
EXPOSE $A|EXPOSE 80/tcp 8000-8010 90/sctp|EXPOSE 80/foo|EXPOSE 99999|EXPOSE 10-5|EXPOSE 127.0.0.1:80:80|EXPOSE :80
EXPOSE 80/TCP|EXPOSE -1|EXPOSE 0|EXPOSE ${{A}}0/$E|WORKDIR $E|WORKDIR ../x|WORKDIR $A/b|USER $A|USER $E|USER ${{V}}:$A
STOPSIGNAL $A|STOPSIGNAL $E|STOPSIGNAL SIGFOO|STOPSIGNAL 9|STOPSIGNAL 99|STOPSIGNAL sigterm|STOPSIGNAL RTMIN+3
ENV X=$A Y=${{X}}|ENV A=2|ENV ${{A}}=3|ENV $E=3|LABEL $A=1|LABEL $E=1|LABEL a=$E|VOLUME $E|VOLUME $A ${{V}}
VOLUME ["$E"]|ARG A=${{V:?no}}|ENV Q=${{NONE:?need}}|ENV Q=${{A:?need}}|ENV Q=${{NONE?}}|COPY $E /x|COPY a $E|COPY a b c
COPY a b c/|COPY a b $E|COPY --chown=$A a b|COPY --chown=$E a b|COPY --chown=a:b:c a b|COPY --chmod=$A a b
COPY --chmod=999 a b|COPY --chmod=$E a b|COPY --chmod=07777 a b
COPY --chmod=017777 a b|COPY --chmod=u=rwX,g+s a b|COPY --chmod=u+q a b
COPY --chmod=, a b|COPY --exclude=[ a b|COPY --exclude=$E a b|COPY [a b|COPY a[ b|COPY --parents . b|COPY ../a b
COPY --link --chmod=u+x a b|ADD https://example.com/a.tar /x|ADD https://example.com/ /x|ADD https://example.com/ /x/
ADD --checksum=sha256:{_HASH} https://example.com/a b|ADD --checksum=sha256:zz https://example.com/a b
ADD --checksum=md5:00 https://example.com/a b|ADD --checksum=sha256:{_HASH} a b|ADD --checksum=$E https://x.example/a b
ADD https://github.com/a/b.git#x:y /z|ADD git@github.com:a/b /z|ADD git@github.com:a/b.git?ref=x /z
ADD https://github.com/a/b.git?branch=x&subdir=y /z|ADD https://github.com/a/b.git?bogus=x /z
ADD --keep-git-dir=true a b|ADD --keep-git-dir=$A https://github.com/a/b.git b
ADD --unpack=true https://x.example/a.tar b
ADD --chmod=755 https://example.com/a b|ADD --checksum={"a" * 40} https://github.com/a/b.git b
HEALTHCHECK --interval=$A CMD x|HEALTHCHECK --retries=0 CMD x|HEALTHCHECK --timeout=500us CMD x
ONBUILD COPY --from=base a b|ONBUILD COPY --from=9 a b|ONBUILD ENV $E=1|ONBUILD EXPOSE 99999|ONBUILD HEALTHCHECK NONE
ONBUILD RUN --mount=type=bind,from=base,target=/x y|SHELL ["a","$A"]|RUN --network=$A x|RUN --security=insecure x
RUN --device=a.b/c=d x|RUN --device=x x|CMD $A|ENTRYPOINT ["$A"]|MAINTAINER $A
"""


def _list(text: str, before: str = "") -> list[str]:
    return [before + one for line in text.split("\n") for one in line.split("|") if one]


ARGS = _list(_ARGUMENTS, "ARG ")
_FROMS = _list(_BASES, "FROM ")
_MORE = [
    *_list(_SOURCES, "COPY --from="),
    *(f"{mount} x" for mount in _list(_MOUNTS, "RUN --mount=")),
    *_list(_WORDS),
]


def question(rng: random.Random) -> dict[str, Any]:
    """Make a random Dockerfile with a target, a platform and build arguments."""
    names = ["A", "BASE", "E", "V", "P", "TARGETARCH"]
    return {
        "dockerfile": mutated_file(rng) if rng.random() < 0.3 else _drawn(rng),
        "platform": rng.choice([*["linux/amd64"] * 4, "linux/arm64", "linux/arm/v7"]),
        "target": rng.choice(_TARGETS) if rng.random() < 0.2 else "",
        "args": {name: rng.choice(_VALUES) for name in names if rng.random() < 0.12},
    }


def _drawn(rng: random.Random) -> str:
    lines = [rng.choice(DIRECTIVES).rstrip("\n")] if rng.random() < 0.1 else []
    lines += [rng.choice(ARGS) for _ in range(rng.choice([0, 0, 1, 2]))]
    for _ in range(rng.choice([1, 1, 2, 2, 3])):
        base = rng.choice(_FROMS) if rng.random() < 0.4 else "FROM scratch"
        lines.append(f"{base} AS {rng.choice(_NAMES)}" if rng.random() < 0.7 else base)
        for _ in range(rng.choice([0, 1, 1, 2, 3])):
            kind = rng.choices([ARGS, _MORE, INSTRUCTIONS, HEREDOCS], [15, 60, 20, 5])[0]
            lines.append(rng.choice(kind))
    text = "\n".join(lines) + "\n"
    if rng.random() < 0.15:
        at = rng.randrange(len(text))
        text = text[:at] + text[at + rng.randint(1, 3) :]
    return text
