"""Limits for untrusted input; larger input is refused with an error.

Every file, document and answer that comes from a workspace, a CI system or a registry has a limit, so that no untrusted
input can fill the memory or keep a run busy for ever. The README's security section and SECURITY.md list the limits
that users can meet.
"""

from __future__ import annotations

#: Binary multiples of a byte. Limits of texts count characters.
KIB = 1 << 10
MIB = 1 << 20

#: Bytes of `shipmark.yml` or of the file named by `--config`. Far above what people write by hand; the whole file is
#: parsed in memory.
CONFIG_BYTES = 1 * MIB
#: CI files in one folder, and config files of one repository, that `doctor` and `init` read. Large repositories have
#: about a hundred workflows.
CI_FILES = 200
#: Levels of nested lists and mappings in YAML and JSON. Hand-written files have fewer than ten; the readers call
#: themselves once for each level, and Python's stack ends at about 1,000 calls.
DOCUMENT_DEPTH = 64
#: Values in one YAML document. An alias counts as often as it is used: ten levels of nested aliases took 1.4 GB.
DOCUMENT_NODES = 100_000
#: Characters of the paths (`$.build.args.NAME`) to all values of one YAML document. Each path repeats every key above
#: its value, so a small file with long keys could fill the memory.
DOCUMENT_PATHS = 32 * MIB
#: Characters and lines of one input of `metadata`, or of one list of tag rules in the config. Each line may be a rule
#: with a pattern, so the number of lines limits the time that a command takes.
ITEM_CHARACTERS = 256 * KIB
ITEM_LINES = 5_000
#: Bytes of the event file of a CI system. GitHub limits webhook payloads to 25 MB.
EVENT_BYTES = 25 * MIB
#: Bytes of a Dockerfile. Far above hand-written ones; larger generated ones exist (moby/buildkit#5217 has 1.26 MB) and
#: are refused.
DOCKERFILE_BYTES = 1 * MIB
#: Instructions of a Dockerfile, and of the `ONBUILD` of a base image. Each adds a step to the image's history, and real
#: files have a few hundred at most; 130,000 lines of ENV took 90 s.
DOCKERFILE_INSTRUCTIONS = 10_000
#: Characters that variables add to one operand of a Dockerfile, and to all operands together. Each line `ENV A=$A$A`
#: doubles the value of `A`, so that thirty such lines would take 1 GB.
EXPANDED_CHARACTERS = 1 * MIB
EXPANDED_IN_ALL = 16 * MIB
#: Characters of a value in which `${name#pattern}` and the like of a Dockerfile search. Versions and paths are far
#: shorter; a file of 1 MiB may hold a hundred thousand of these searches.
PATTERN_CHARACTERS = 8 * KIB
#: Bytes of `.dockerignore` or `<Dockerfile>.dockerignore`. Far above hand-written ones; the whole file is read.
IGNORE_BYTES = 1 * MIB
#: Patterns in an ignore file. Each path of the build context is compared with every pattern, so their number limits
#: the time of a build.
IGNORE_PATTERNS = 10_000
#: Bytes of Docker's `config.json`, Podman's `auth.json` or a file of CA certificates. A bundle of all public CAs has
#: about 0.2 MB.
CREDENTIAL_BYTES = 4 * MIB
#: Bytes of a plan file of `preview -o`, or of a file for `log import`. Far above what shipmark writes for hundreds of
#: components; the whole file is parsed in memory.
PLAN_BYTES = 64 * MIB
#: Bytes of an answer of a source of `in_use:`. A cluster of 10,000 pods prints about 100 MB.
IN_USE_BYTES = 512 * MIB
#: Bytes of `index.json` of an image layout. Four times the largest manifest (8 MiB), since the file has an entry for
#: each tag of the layout.
LAYOUT_INDEX_BYTES = 32 * MIB
#: A compressed archive may unpack to UNPACKED_BYTES or to UNPACKED_RATIO times its own size, whichever is more.
#: Deflate packs zeros to about a thousandth of their size, so an archive of 100 MB could otherwise fill 100 GB. Layers
#: of programs unpack to a few times their size; the fixed limit lets small archives of sparse files pass.
UNPACKED_BYTES = 1024 * MIB
UNPACKED_RATIO = 200
#: Bytes of the extended header (name and attributes) of one member of an archive, which readers keep in memory.
#: Linux limits a path to 4 KiB and one attribute to 64 KiB, so ordinary headers are far smaller.
ARCHIVE_HEADER_BYTES = 1 * MIB
#: Members of an archive that holds an image. An image has a few hundred; the reader keeps every member's name in
#: memory.
ARCHIVE_MEMBERS = 100_000
#: Files and folders of a base image; `layers` keeps their names in memory. Large images of data science have 300,000.
BASE_ENTRIES = 2_000_000
#: Bytes of a small file of git (`HEAD`, `commondir`, a `.git` file with `gitdir:`). Each holds one path or ref, and
#: Linux limits a path to 4 KiB.
GIT_POINTER_BYTES = 64 * KIB
#: Bytes of `.git/shallow`, which has a line of 41 bytes for each commit where the history of a shallow clone ends:
#: 400,000 lines. Each ref that is fetched with a depth adds one or a few.
GIT_SHALLOW_BYTES = 16 * MIB
#: Bytes of `.git/packed-refs` that are read without git; a larger file is left to git. A tag takes up to about 130
#: bytes, so half a million tags fit.
GIT_PACKED_REFS_BYTES = 64 * MIB
#: Seconds that one regular expression may take on one text. Ordinary ones take a fraction of that on the name of a tag
#: or branch; `(a+)+b` backtracks for ever.
PATTERN_SECONDS = 0.5
#: Names in one list of a registry, of tags or of repositories; a longer list is refused. Every name is kept in memory,
#: some 100 MB for a million short ones. Registries with such limits allow 100,000 images in a repository.
LISTED_NAMES = 1_000_000
#: Platforms of an index when the configs of all are needed; an index with more is refused. Each platform costs two
#: requests, so an index that somebody else made could otherwise keep a run busy for hours. Docker's official images
#: have about ten.
INDEX_PLATFORMS = 128
#: Bytes of an image's config, which is parsed in memory; usual configs have some KiB. The limit is that of manifests.
IMAGE_CONFIG_BYTES = 8 * MIB
