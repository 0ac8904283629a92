"""Draws Dockerfiles without RUN, and makes the context from which they copy."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from random import Random

_FILES = """
    a.txt b.txt ro.txt src/main.c src/.hidden src/util/u.h src/util/u.c conf/app.conf conf/d/x.conf conf/d/y.conf
    deep/1/2/3/leaf bin/tool tmp/x root/y etc/z sub/tmp/q sub/home/deep/r .env.sample Makefile -dash #hash $dollar
    back\\slash star*.txt q?.txt we[i]rd.txt ünï.txt
""".split()  # noqa: SIM905  # quoted names would hide the list
_LINKS = {
    "link-rel": "a.txt",
    "link-dir": "src",
    "link-abs": "/conf/app.conf",
    "src/up": "../a.txt",
    "deep/ln": "1/2",
}
_SOURCES = """
    a.txt b.txt src src/ ./src src/util conf conf/d *.txt src/* src/**/*.c bin/* bin/tool ro.txt link-rel link-dir
    link-dir/ link-dir/main.c link-dir/*.c deep deep/1 deep/ln deep/ln/3 . ./ /src conf/?.conf conf/d/[xy].conf .env*
    M* nothing* ünï.txt we[[]i]rd.txt link-abs src/up star\\*.txt q\\?.txt -dash deep/*/2 ./* ?.txt src/.* tmp root sub
    sub/ etc $X ${UNSET:-b.txt}
""".split()  # noqa: SIM905  # quoted names would hide the list
_DESTINATIONS = """
    / /x /x/ /opt/app/ /opt/app . ./ y y/ ./y/z/ /etc/passwd /etc /bin/ /tmp/ /home/u/ /x/../w ${D}/ $D /usr/local/bin/
    /new/a/b/c/ /var/lib/x a.txt
""".split()  # noqa: SIM905  # quoted names would hide the list
_IN_STAGES = [
    "/x",
    "/opt",
    "/opt/app",
    "/etc/passwd",
    "/y",
    "/",
    "/bin/sh",
    "x",
    "/w",
    "/tmp",
    "/new/./a",
    "/bin/busybox",
]
_CHOWN = ["1000", "1000:1000", "0:0", "nobody", "nobody:nobody", "5:6", "root:7", "$U", ":50"]
_CHMOD = [
    "755",
    "0644",
    "600",
    "1777",
    "4755",
    "u=rwX,go=rX",
    "a+x",
    "go-w",
    "u+s",
    "+X",
    "u=rw,g=r,o=",
    "a=rX",
    "g+w,o-r",
    "$M",
]
_EXCLUDE = ["*.c", "**/*.h", "src", "util", "d", "*.conf", "**/u.*", ".*", "1/2", "a.txt"]
_SETTINGS = (
    *("WORKDIR /opt/app", "WORKDIR x", "WORKDIR ../y", "WORKDIR $D", "WORKDIR a/b/../c", "WORKDIR $UNSET"),
    *(
        "ENV D=/data",
        "ENV D=$D/more",
        'ENV A="q w" B=$X',
        "ENV K v w",
        "ENV P=${X%.txt} Q=${X#a}",
        "ARG X",
        "ARG M=0640",
    ),
    *(
        "ARG T=${X:-none}",
        "USER 1000",
        "USER 1000:1000",
        "LABEL a=b",
        'LABEL "k k"="v v" c=$X',
        "EXPOSE 80/udp 443",
    ),
    *(
        "EXPOSE 8000-8002/tcp",
        "VOLUME /data",
        'VOLUME ["/v1","/v2"]',
        'CMD ["a","b $X"]',
        "CMD echo $X",
        'CMD ["a", b]',
    ),
    *(
        'ENTRYPOINT ["/e"]',
        "ENTRYPOINT exec $D",
        'SHELL ["/bin/bash","-c"]',
        "STOPSIGNAL SIGINT",
        "HEALTHCHECK NONE",
    ),
    *(
        "HEALTHCHECK --interval=5s CMD x",
        "MAINTAINER a b",
        "ONBUILD COPY a.txt /ob",
        "ONBUILD USER 7",
        "# comment",
    ),
)


def make_context(root: Path) -> Path:
    """Make the files that drawn Dockerfiles copy, below `root`, which must not exist."""
    for name in _FILES:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"the file {name}")
        path.chmod(0o755 if name.startswith("bin/") else 0o444 if name == "ro.txt" else 0o644)
    for name, target in _LINKS.items():
        (root / name).symlink_to(target)
    return root


def draw(seed: int) -> str:
    """Return a Dockerfile of one to three stages; equal seeds give equal texts."""
    random = Random(seed)
    lines = ["ARG BASE=busybox", "ARG X=b.txt"] if random.random() < 0.3 else []
    has_arguments, stages = bool(lines), [f"s{number}" for number in range(random.choice((1, 1, 2, 2, 3)))]
    for number, name in enumerate(stages):
        base = random.choice(["busybox", "busybox", "scratch", "busybox:latest", *stages[:number]])
        lines.append(f"FROM {'${BASE}' if has_arguments and random.random() < 0.5 else base} AS {name}")
        lines += ["ENV D=/data U=1001 X=a.txt M=640"] * (random.random() < 0.5)
        drawn = [_instruction(random, stages[:number]) for _ in range(random.randint(1, 6))]
        lines += [*drawn, "COPY a.txt /last/"]  # an image has at least one file
    return "\n".join(lines) + "\n"


def _instruction(random: Random, stages: Sequence[str]) -> str:
    share = random.random()
    if share > 0.68:
        return random.choice(_SETTINGS)
    if share > 0.6:
        return _heredoc(random)
    return _copy(random, stages)


def _copy(random: Random, stages: Sequence[str]) -> str:
    keyword, flags = random.choice(("COPY", "COPY", "COPY", "ADD")), _flags(random)
    flags += [f"--exclude={random.choice(_EXCLUDE)}"] * (random.random() < 0.15)
    flags += ["--parents"] * (random.random() < 0.12)
    choices = _SOURCES
    if stages and keyword == "COPY" and random.random() < 0.35:
        flags.append(f"--from={random.choice([*stages, '0'])}")
        choices = _IN_STAGES
    sources = [random.choice(choices) for _ in range(random.choice((1, 1, 1, 1, 2, 3)))]
    random.shuffle(flags)
    return " ".join([keyword, *flags, *sources, random.choice(_DESTINATIONS)])


def _heredoc(random: Random) -> str:
    word = random.choice(("EOF", '"EOF"', "-EOF", "'EOF'"))
    place = random.choice(("/x", "/opt/h", "y/", "/etc/motd", "./"))
    return " ".join(["COPY", *_flags(random), f"<<{word}", place]) + "\n\thello $D ${U} \\$D\n  two\nEOF"


def _flags(random: Random) -> list[str]:
    flags = [f"--chown={random.choice(_CHOWN)}"] * (random.random() < 0.3)
    flags += [f"--chmod={random.choice(_CHMOD)}"] * (random.random() < 0.3)
    return flags + ["--link"] * (random.random() < 0.2)
