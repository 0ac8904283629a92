"""Draws COPY and ADD: sources of a context, a stage or an image, destinations, flags, here-documents."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from tests.support.drawn.contexts import Context
from tests.support.drawn.words import expansion, json_form, literal_pattern, shell_path, word

#: Targets and sources in an image that are often there, and others.
_USUAL_TARGETS = (
    "/",
    ".",
    "./",
    "/a/",
    "/b/c/",
    "a/",
    "/new/deep/",
    "/opt/x/",
    "/tmp/",
    "/w/",
    "/etc/",
    "/ln/",
    "/abs/",
    "/up/x/",
)
_USUAL = (
    "/",
    "/b",
    "/b/c",
    "/ln",
    "/ln/",
    "/lnfile",
    "/abs",
    "/etc",
    "/etc/passwd",
    "/*",
    "/b/*",
    "x.txt",
    "/etc/*",
    "/last",
    "las?",
)
_TARGETS = (
    *(
        "/",
        ".",
        "./",
        "/a",
        "/a/",
        "/b/c",
        "/b/c/",
        "a",
        "a/",
        "x.txt",
        "/x.txt",
        "/x.txt/",
        "/new/deep/",
        "/new/deep",
    ),
    *(
        "/etc/passwd",
        "/etc",
        "/etc/",
        "/bin/",
        "/tmp/",
        "/ln",
        "/ln/",
        "/ln/a",
        "/lnfile",
        "/lnfile/",
        "/abs/",
        "/abs",
    ),
    *(
        "/dangling",
        "/dangling/",
        "/up/x",
        "..",
        "../",
        "../z",
        "/a/../b",
        "/b//c",
        "/b/./c/",
        "/.",
        "/..",
        "",
        "/var/run/",
    ),
    *("/loop", "/loop/", "/lnfile/x", "/x.txt/y"),
)
_IMAGE = (
    *(
        "/",
        "/a",
        "/b",
        "/b/c",
        "/ln",
        "/ln/",
        "/ln/a",
        "/lnfile",
        "/abs",
        "/dangling",
        "/etc",
        "/etc/passwd",
        "/bin/sh",
        "/*",
    ),
    *(
        "/b/*",
        "a",
        "b/",
        "/x.txt",
        "/new",
        "/etc/*",
        "/var/run",
        "/loop",
        "/up",
        "/e??/passwd",
        "/tmp/",
        "/nothing*",
        "/dir",
    ),
)
_CHOWN = (
    "1000",
    "1000:1000",
    "0:0",
    "nobody",
    "nobody:nobody",
    "5:6",
    "root:7",
    "joe",
    "joe:staff",
    ":50",
    "staff",
    "7:staff",
)
_CHMOD = (
    *(
        "755",
        "0644",
        "600",
        "1777",
        "4755",
        "0",
        "000",
        "7777",
        "0o755",
        "u=rwX,go=rX",
        "a+x",
        "go-w",
        "u+s",
        "+X",
        "g=u",
    ),
    *("u=rw,g=r,o=", "a=rX", "g+w,o-r", "+t", "a-x+X", "o=g", "u+x,g-x", "-w", "=", "u=", "go=u-w"),
)
_EXCLUDES = (
    "*.txt",
    "**/*.txt",
    "a",
    "b",
    "**/a",
    "*",
    "**",
    "a/*",
    "?",
    "/a",
    "./a",
    "b/c",
    "!a",
    ".*",
    "[ab]",
)


def copy(random: Random, context: Context, stages: Sequence[str], images: Sequence[str], escape: str) -> str:
    """Draw a COPY or ADD. `stages`: names of earlier stages; `images`: what else `--from` may name."""
    keyword = random.choice(("COPY", "COPY", "COPY", "ADD", "copy"))
    if context.archives and random.random() < 0.3:
        keyword = "ADD"
    flags = _flags(random)
    origin = ""
    if keyword != "ADD" and random.random() < 0.35 and (stages or images):
        known = [*stages, *(str(number) for number in range(len(stages))), *images]
        origin = random.choice(known)
        flags.append(
            f"--from={random.choice((origin, origin, origin, origin.upper() if origin in stages else origin))}"
        )
    sources = [_source(random, context, origin) for _ in range(random.choice((1, 1, 1, 1, 2, 2, 3)))]
    random.shuffle(flags)
    target = (
        random.choice(_USUAL_TARGETS)
        if random.random() < 0.6
        else word(random, random.choice(_TARGETS)) or '""'
    )
    if random.random() < 0.2:
        return " ".join([keyword, *flags, json_form([*sources, target.strip('"')])])
    spelled = [
        shell_path(source, escape) if "$" not in source or random.random() < 0.5 else source
        for source in sources
    ]
    return " ".join([keyword, *flags, *spelled, target])


def heredoc(random: Random, context: Context) -> str:
    """Draw a COPY or ADD of one or more here-documents, perhaps with files beside them."""
    operands, bodies = [], []
    for number in range(random.choice((1, 1, 1, 2, 3))):
        name = random.choice(("EOF", "a", "x.txt", "robots.txt", "A_B", "file"))
        name = f"{name}{number}" if number else name
        quote = random.choice(("", "", "'", '"'))
        dash = random.choice(("", "", "-"))
        operands.append(f"<<{dash}{quote}{name}{quote}")
        lines = [
            random.choice(("\t", "", "  ", "\t\t"))
            + random.choice(
                (
                    "text",
                    expansion(random),
                    "$D \\$D $$ `x`",
                    '"q" \\ end',
                    "# no comment",
                    "<<EOF",
                    "back\\",
                    "'$X'",
                    "",
                )
            )
            for _ in range(random.randint(0, 3))
        ]
        bodies += [*lines, random.choice(("\t", "")) * bool(dash) + name]
    if random.random() < 0.2:
        operands.append(shell_path(random.choice(context.files)))
    target = random.choice(("/h/", "/h", "/x.txt", "a/", "./", "/ln/", "/etc/motd", "/b/c", "$D/", "/a"))
    head = " ".join([random.choice(("COPY", "COPY", "ADD")), *_flags(random), *operands, target])
    return "\n".join([head, *bodies])


def _source(random: Random, context: Context, origin: str) -> str:
    if origin and random.random() < 0.75:
        return "last" if origin in ("busybox", "scratch") else random.choice(_USUAL)
    if origin:
        return word(random, random.choice(_IMAGE))
    share = random.random() * random.choice((0.4, 0.4, 1))
    path = random.choice(context.all)
    if path.startswith("--"):
        path = f"./{path}"
    if context.archives and random.random() < 0.25:
        return random.choice(context.archives)
    names = path.split("/")
    if share < 0.3:
        return literal_pattern(path)
    if share < 0.5:
        return random.choice(
            (
                f"./{path}",
                f"/{path}",
                f"{path}/",
                f"{path}/.",
                f"a/../{path}",
                f"../{path}",
                f"{path}//",
                f"{names[0]}/./{path}",
            )
        )
    if share < 0.6:
        return random.choice((".", "./", "/", "./.", "*", "./*", "*/", "*/*", "..", "**", "/*"))
    if share < 0.8:
        return random.choice(
            (
                f"{names[0]}/*",
                f"{path}*",
                f"{path[:-1]}?",
                f"*/{names[-1]}",
                f"{names[0]}/**/{names[-1]}",
                "[a-c]",
                "[!a]*",
                "[^a]*",
                "*.txt",
                "*.[tc]*",
                f"**/{names[-1]}",
                f"./{names[0]}/./{'/'.join(names[1:]) or '*'}",
            )
        )
    if share < 0.88:
        return random.choice(context.links or context.files) + random.choice(("", "/", "/*", "/a"))
    above = random.choice(("../", "x/../../", "/../", "./../../")) + shell_path(path)
    return random.choice(
        (
            *("$X", "${UNSET:-x.txt}", "${X%.txt}.txt", "$D", "x.tx?", "nothing"),
            "$TARGETARCH",
            expansion(random),
            above,
        )
    )


def _flags(random: Random) -> list[str]:
    flags = [f"--chown={_valued(random, _CHOWN)}"] * (random.random() < 0.25)
    flags += [f"--chmod={_valued(random, _CHMOD)}"] * (random.random() < 0.25)
    flags += [random.choice(("--link", "--link", "--link=true", "--link=false"))] * (random.random() < 0.15)
    flags += [f"--exclude={_valued(random, _EXCLUDES)}"] * random.choice((0, 0, 0, 0, 0, 1, 2))
    return flags + [random.choice(("--parents", "--parents", "--parents=false"))] * (random.random() < 0.15)


def _valued(random: Random, values: Sequence[str]) -> str:
    share = random.random()
    if share < 0.94:
        return random.choice(values)
    return random.choice(("$U", "${G:-7}", "$M", expansion(random).replace(" ", "")))
