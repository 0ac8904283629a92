"""Draws the text of a Dockerfile: stages, settings, copies, and the ways in which one line can be written."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from tests.support.drawn.bases import BASES
from tests.support.drawn.contexts import Context
from tests.support.drawn.copies import copy, heredoc
from tests.support.drawn.words import expansion, word

_SETTINGS = (
    *(
        "WORKDIR {}/w",
        "WORKDIR /a/{}",
        "WORKDIR a",
        "WORKDIR ..",
        "WORKDIR /ln/a",
        "WORKDIR /abs",
        "WORKDIR ./x/../y/",
        "WORKDIR {}",
    ),
    *("WORKDIR /dangling/w", "WORKDIR /b//c/", 'WORKDIR "/with space"', "WORKDIR /with space", "WORKDIR 'q'"),
    *(
        "ENV X={}",
        "ENV X=a Y={} D=$X",
        "ENV D /b/c",
        "ENV Y  two  words {} ",
        "ENV U=1000 G=50",
        "ENV EMPTY=",
        "ENV Y=\"q {} w\" X='$X'",
    ),
    *("ENV X=a\\ b", "ENV PATH=/x:$PATH", "ENV D=${{D}}/more", "ENV X=x.txt"),
    *(
        "ARG X",
        "ARG X={}",
        "ARG M=0640",
        "ARG U=7 G",
        "ARG Y=$X",
        "ARG TARGETARCH",
        "ARG TARGETPLATFORM",
        "ARG TARGETVARIANT",
    ),
    *(
        "ARG TARGETOS=none",
        "ARG BUILDPLATFORM",
        "ARG D=/b",
        "ARG UNSET",
        'ARG X="a b"',
        "ARG TARGETSTAGE",
        "ARG SOURCE_DATE_EPOCH",
    ),
    *(
        "LABEL a={}",
        'LABEL a=b c={} "d e"="f g"',
        "LABEL a {} b",
        'LABEL a="l1\\\n  l2"',
        "LABEL k='$X'",
        "LABEL $X=x",
    ),
    *(
        "EXPOSE 80",
        "EXPOSE 80 443/udp",
        "EXPOSE 8000-8002/tcp",
        "EXPOSE 80/TCP",
        "EXPOSE ${{UNSET:-99}}",
        "EXPOSE 80 80",
        "EXPOSE 80/sctp",
    ),
    *("VOLUME /v {}", 'VOLUME ["/v1","/v2"]', "VOLUME v", "VOLUME /a /b"),
    *(
        "STOPSIGNAL SIGINT",
        "STOPSIGNAL 9",
        "STOPSIGNAL int",
        "STOPSIGNAL SIGRTMIN+3",
        "STOPSIGNAL ${{UNSET:-TERM}}",
    ),
    *("USER {}", "USER 1000", "USER joe", "USER joe:staff", "USER 1000:7", "USER nobody"),
    *('CMD ["a","{}"]', "CMD a {}", 'CMD ["a", b]', "CMD []", "CMD ['a']", 'CMD ["a"] x'),
    *('ENTRYPOINT ["/e", "$X"]', "ENTRYPOINT exec $D", "ENTRYPOINT []"),
    *(
        'SHELL ["/bin/bash","-c"]',
        'SHELL ["a"]',
        "HEALTHCHECK NONE",
        "HEALTHCHECK --interval=5s CMD x $X",
        "HEALTHCHECK none",
    ),
    *(
        'HEALTHCHECK --timeout=1m --retries=3 CMD ["a","$X"]',
        "HEALTHCHECK --start-period=1h --start-interval=2s CMD a",
    ),
    *(
        "ONBUILD COPY <<EOF /ob/\nEOF",
        "ONBUILD USER {}",
        "ONBUILD ENV X={}",
        "ONBUILD LABEL o=$X",
        "ONBUILD WORKDIR /ob",
        "onbuild copy . /ob",
    ),
    *("# comment", "", "  # indented comment"),
)
#: Settings that are often refused.
_ODD_SETTINGS = (
    *(
        "WORKDIR /x.txt",
        "ENV =x",
        "ENV {}=v",
        "ENV X",
        "ARG {}",
        "LABEL {}=x",
        "LABEL",
        "EXPOSE {}",
        "EXPOSE 1-2:3-4",
        "EXPOSE $X",
        "EXPOSE 0",
    ),
    *(
        "EXPOSE 70000",
        'VOLUME ["$D"]',
        'VOLUME [""]',
        "STOPSIGNAL {}",
        "STOPSIGNAL 99",
        "USER $U:$G",
        "USER",
        "USER a b",
        "CMD",
        "ENTRYPOINT",
    ),
    *(
        "SHELL /bin/sh -c",
        "SHELL []",
        "HEALTHCHECK CMD",
        "HEALTHCHECK --retries=0 --interval=0s CMD a",
        "HEALTHCHECK --interval={} CMD a",
    ),
    *("MAINTAINER a {} b", "ONBUILD FROM a", "ONBUILD ONBUILD CMD a", "ONBUILD", "FROM", "COPY a", "BAD x"),
)


class Drawn:
    """A Dockerfile that was drawn. `arguments`: values for build arguments; `target`: a stage, or None for the last."""

    def __init__(self, random: Random, context: Context, contexts: Sequence[str] = ()) -> None:
        self._random = random
        self._context = context
        self._contexts = contexts
        self.escape = "`" if random.random() < 0.08 else "\\"
        self.stages: list[str] = []
        self.text = self._written()
        self.arguments = self._arguments()
        self.target = (
            random.choice((*self.stages, self.stages[-1].upper()))
            if random.random() < 0.12 and self.stages[-1]
            else None
        )

    def _written(self) -> str:
        random = self._random
        lines = self._directives()
        if random.random() < 0.35:
            lines += random.choice(
                (
                    ["ARG BASE=busybox", "ARG X=b"],
                    ["ARG TAG=latest", "ARG BASE=busybox:$TAG"],
                    ["ARG BASE"],
                    ["ARG X=a Y=${X:-q}", "ARG BASE=scratch"],
                )
            )
        has_arguments = any("BASE" in line for line in lines)
        for number in range(random.choice((1, 1, 2, 2, 3, 4))):
            lines += self._stage(number, has_arguments=has_arguments)
        text = "\n".join(lines) + random.choice(("\n", "\n", ""))
        if random.random() < 0.06:
            text = text.replace("\n", "\r\n")
        return random.choice(("", "", "", "", "", "", "", "", "\ufeff")) + text

    def _directives(self) -> list[str]:
        random = self._random
        lines = ["# escape=`"] * (self.escape == "`")
        lines += ["# syntax=docker/dockerfile:1"] * (random.random() < 0.03)
        lines += ["# check=skip=all"] * (random.random() < 0.05)
        random.shuffle(lines)
        return lines

    def _stage(self, number: int, *, has_arguments: bool) -> list[str]:
        random = self._random
        base = random.choice(
            ["busybox", "scratch", "scratch", *BASES, *BASES, *self.stages, *self.stages, *self._contexts]
        )
        if has_arguments and random.random() < 0.5:
            base = random.choice(
                ("$BASE", "${BASE}", "${BASE:-busybox}", "${BASE:-scratch}", "${UNSET:-busybox}")
            )
        flag = random.choice(
            (
                "",
                "",
                "",
                "",
                "",
                "--platform=$BUILDPLATFORM ",
                "--platform=$TARGETPLATFORM ",
                "--platform=linux/amd64 ",
            )
        )
        name = random.choice((f"s{number}", f"s{number}", f"S{number}", f"stage-{number}", f"st.{number}_x"))
        lines = [
            f"{random.choice(('FROM', 'FROM', 'from'))} {flag}{base} {random.choice(('AS', 'as'))} {name}"
        ]
        lines += ["ENV X=x.txt D=/b/c U=1001 G=50"] * (random.random() < 0.4)
        lines += [self._instruction() for _ in range(random.randint(1, 6))]
        lines += ["COPY <<EOF /last", "EOF"]  # an image has at least one file
        self.stages.append(name)
        return lines

    def _instruction(self) -> str:
        random = self._random
        share = random.random()
        if share < 0.08:
            return heredoc(random, self._context)
        if share < 0.6:
            line = copy(random, self._context, self.stages, [*BASES, "busybox", *self._contexts], self.escape)
        else:
            line = random.choice(_ODD_SETTINGS if random.random() < 0.05 else _SETTINGS).format(
                word(random, random.choice(("a", "/b", "x.txt", "7", "$X", expansion(random))))
            )
        return self._continued(line) if random.random() < 0.12 else line

    def _continued(self, line: str) -> str:
        """Return the line broken at some of its blanks, perhaps with comments and empty lines between."""
        random = self._random
        between = random.choice(("", "", "# a comment\n", "\n", "   # another\n", "\t\n"))
        parts = line.split(" ")
        return (
            "".join(
                part
                + (
                    f" {self.escape}{random.choice(('', '', ' ', '  '))}\n{between}"
                    if random.random() < 0.5
                    else " "
                )
                for part in parts[:-1]
            )
            + parts[-1]
        )

    def _arguments(self) -> dict[str, str]:
        random = self._random
        known = {
            "BASE": random.choice(("busybox", "scratch", *BASES)),
            "X": random.choice(("a", "b", "x.txt", "", "a b", "$D")),
            "TAG": "latest",
            "M": "0600",
            "U": "8",
            "D": "/new",
            "TARGETARCH": "riscv64",
            "UNSET": "a",
            "NOBODY": "x",
        }
        return {name: value for name, value in known.items() if random.random() < 0.12}
