"""The sizes above which shipmark refuses to read something that it did not write itself.

Every file, document and answer that comes from a workspace, a CI system or a registry has a limit, so that nothing
untrusted can fill the memory or keep a run busy for ever. What is above a limit is refused with an error. The README's
security section and SECURITY.md name the ones that users can meet.
"""

from __future__ import annotations

#: Factors for bytes; texts are counted in characters.
KIB = 1 << 10
MIB = 1 << 20

#: `shipmark.yml` and every other file named by `--config`. Chosen far above what people write by hand.
CONFIG_BYTES = 1 * MIB
#: Nested lists and maps in YAML and JSON that a workspace or a CI system brings. PyYAML and json recurse per level.
DOCUMENT_DEPTH = 64
#: Values in one YAML document. An alias counts as often as it is used: ten levels of them took 1.4 GB.
DOCUMENT_NODES = 100_000
#: Characters of all paths (`$.build.args.NAME`) to the values of one YAML document. A path repeats the keys above it.
DOCUMENT_PATHS = 32 * MIB
#: Characters and lines of one input of `metadata`, or of a block of rules in the config. Each rule is evaluated and may
#: match patterns, so its number bounds the time of a command.
ITEM_CHARACTERS = 256 * KIB
ITEM_LINES = 5_000
#: The event file of a CI system. GitHub caps webhook payloads at 25 MB.
EVENT_BYTES = 25 * MIB
#: A Dockerfile. Generated ones exist that are larger (moby/buildkit#5217 has 1.26 MB); these are refused.
DOCKERFILE_BYTES = 1 * MIB
#: Instructions of a Dockerfile. Each one adds a step to the image's history.
DOCKERFILE_INSTRUCTIONS = 10_000
#: Characters that variables add to one operand of a Dockerfile, and to all of them. `ENV A=$A$A` doubles.
EXPANDED_CHARACTERS = 1 * MIB
EXPANDED_IN_ALL = 16 * MIB
#: `.dockerignore` and `<Dockerfile>.dockerignore`.
IGNORE_BYTES = 1 * MIB
#: Lines of an ignore file that are patterns; each path is compared with all of them.
IGNORE_PATTERNS = 10_000
#: Docker's `config.json` and Podman's `auth.json`.
CREDENTIAL_BYTES = 4 * MIB
#: A plan file of `preview -o`, and a file of parked facts.
PLAN_BYTES = 64 * MIB
#: `index.json` of an image layout: four times the largest manifest, for layouts with many tags.
LAYOUT_INDEX_BYTES = 32 * MIB
#: Bytes that any compressed archive may become, and how many times its size it may become above that. Deflate can
#: pack zeros to about a thousandth.
UNPACKED_BYTES = 1024 * MIB
UNPACKED_RATIO = 200
#: Names and attributes of one member of an archive, which readers keep in memory.
ARCHIVE_HEADER_BYTES = 1 * MIB
#: Members of an archive that holds an image.
ARCHIVE_MEMBERS = 100_000
#: Small files of git: `.git` files with `gitdir:`, `HEAD`, `commondir`.
GIT_POINTER_BYTES = 64 * KIB
#: Seconds that one regular expression of a user or a file may take on one text: `(a+)+b` backtracks for ever.
PATTERN_SECONDS = 0.5
#: Platforms in one index whose configs are all read; each costs two requests. An index with more is an error then.
INDEX_PLATFORMS = 128
