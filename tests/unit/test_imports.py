"""Rules for the source: which modules may import which, which may have effects, and which exceptions may be raised."""

from __future__ import annotations

import ast
import builtins
import sys
from collections import Counter
from collections.abc import Iterator
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import NamedTuple

from release import errors

ROOT = Path(__file__).parents[2]

#: Values in, values out. They may import one another, the contracts, and `PURE_LIBRARIES`.
PURE = (
    "ci",
    "ci.*",
    "release",
    "release.app.setup.doctor.checks",
    "release.app.setup.doctor.checks.*",
    "release.app.setup.doctor.report",
    "release.app.setup.doctor.scene",
    "release.app.setup.init.config_text",
    "release.app.setup.init.convert",
    "release.app.setup.init.convert.*",
    "release.app.setup.init.report",
    "release.app.setup.init.yaml_text",
    "release.app.setup.workflows",
    "release.app.setup.workflows.*",
    "release.build.buildah.base_shell",
    "release.build.buildah.config",
    "release.build.buildah.failures",
    "release.build.buildah.images",
    "release.build.buildah.obstacles",
    "release.build.buildah.request",
    "release.build.buildah.versions",
    "release.build.buildah.working_dir",
    "release.build.buildkit.environment",
    "release.build.buildkit.failures",
    "release.build.extras.history",
    "release.build.buildkit.obstacles",
    "release.build.extras.options",
    "release.build.buildkit.published",
    "release.build.buildkit.request",
    "release.build.buildkit.stream",
    "release.build.docker.features",
    "release.build.dockerfile.*",
    "release.build.embedded.base_config",
    "release.build.embedded.copying",
    "release.build.embedded.copying.*",
    "release.build.embedded.machines",
    "release.build.embedded.named_sources",
    "release.build.context.completeness",
    "release.build.context.git_use",
    "release.build.context.layer_names",
    "release.build.context.named",
    "release.build.context.reach",
    "release.build.context.selection",
    "release.build.context.sizes",
    "release.build.context.source_pattern",
    "release.build.context.stage_sources",
    "release.build.ignore",
    "release.build.paths",
    "release.oci.ambiguous",
    "release.oci.attached",
    "release.oci.grammar",
    "release.oci.image_index",
    "release.oci.image_json",
    "release.build.embedded.obstacles",
    "release.patterns",
    "release.build.embedded.stage_image",
    "release.build.embedded.stage_instructions",
    "release.build.embedded.stage_sources",
    "release.build.embedded.stages",
    "release.build.context.tree",
    "release.build_spec",
    "release.canonical_json",
    "release.compression.entries",
    "release.config",
    "release.config.*",
    "release.digits",
    "release.errors",
    "release.facts",
    "release.git.model",
    "release.hints",
    "release.image_names.docker_archive_entries",
    "release.inventory.creation_time",
    "release.inventory.in_use.mentions",
    "release.inventory.in_use.references",
    "release.json_text",
    "release.lazy_pattern",
    "release.programs.messages",
    "release.limits",
    "release.statements.release_statement",
    "release.log.answers.*",
    "release.log.attested",
    "release.log.catalog.ranks",
    "release.log.catalog.terms",
    "release.log.anchor",
    "release.log.chain",
    "release.log.uniqueness",
    "release.log.fold",
    "release.log.identity",
    "release.log.page.axis",
    "release.log.page.bars",
    "release.log.page.html",
    "release.log.page.lanes",
    "release.log.page.lines",
    "release.log.page.links",
    "release.log.page.markup",
    "release.log.page.releases_table",
    "release.log.page.rows",
    "release.log.page.running_table",
    "release.log.page.table_parts",
    "release.log.questions",
    "release.log.waiters",
    "release.log.rebuilt.*",
    "release.log.release_fold",
    "release.log.records",
    "release.log.records.*",
    "release.log.jsonl",
    "release.log.sealing",
    "release.log.served",
    "release.log.state",
    "release.log.status_fold",
    "release.log.timestamps",
    "release.log.stores.file.lines",
    "release.log.stores.git.causes",
    "release.log.stores.sql.cause",
    "release.log.stores.sql.connection_causes",
    "release.log.stores.sql.damage",
    "release.log.stores.sql.errors",
    "release.log.stores.sql.sqlite_causes",
    "release.log.stores.sql.statement_causes",
    "release.log.torn",
    "release.log.yanked",
    "release.plan",
    "release.retention",
    "release.retention.*",
    "release.schema",
    "release.secrets",
    "release.secrets.names",
    "release.secrets.redaction",
    "release.plan.*",
    "release.ref_names",
    "release.oci.manifest",
    "release.oci.platforms",
    "release.layout.entry_names",
    "release.layout.index",
    "release.oci.reference",
    "release.statements",
    "release.statements.*",
    "release.tagging",
    "release.tagging.*",
    "release.versions",
    "release.versions.*",
    "release.run_scope",
    "release.trust",
)

#: Protocols and their value types; no effect in them, whatever they describe.
CONTRACTS = (
    "release.build",
    "release.control",
    "release.decoding",  # holds a lock, and has no effect
    "release.events",
    "release.log",
    "release.oci",
    "release.oci.deletion",
    "release.ports",
)

#: What a pure module may use from outside. `zoneinfo` reads time zone tables, which are data; `importlib` loads
#: the rows of a table late.
PURE_LIBRARIES = frozenset(
    """
    __future__ abc array base64 binascii bisect collections contextlib copy dataclasses datetime difflib enum fnmatch
    functools hashlib heapq html importlib inspect io ipaddress itertools json keyword math operator posixpath
    re string textwrap sys types typing unicodedata urllib.parse zoneinfo
    msgspec regex semver yaml
    """.split()  # noqa: SIM905  # forty quoted names would hide the list
)

#: Of `sys`, only what the language itself fixes.
PURE_OF_SYS = frozenset({"sys.maxsize", "sys.maxunicode"})

#: Each library from outside, and the only modules that know it. `msgspec` is everywhere.
HOMES = {
    "alembic": ("release.log.stores.*",),
    "boto3": ("release.registry.auth.*",),
    "botocore": ("release.registry.auth.*",),
    "click": ("release.cli", "release.cli.*"),
    "docker": ("release.build.docker*", "release.docker.*"),
    "git": ("release.git", "release.git.*", "release.log.stores.*"),
    "gitdb": ("release.log.stores.*",),  # GitPython's object database
    "isal": ("release.compression.codecs", "release.compression.decompress"),
    "msgspec": ("*",),
    "psycopg": ("release.log.stores.*",),
    "regex": ("release.tagging.rules.javascript.pattern",),
    "requests": ("release.build.docker*", "release.docker.*"),  # the docker SDK lets its exceptions through
    "rich": ("release.cli", "release.cli.*"),
    "semver": ("release.tagging.*", "release.versions.*"),
    "sqlalchemy": ("release.log.stores.*",),
    "urllib3": ("release.build.docker*", "release.docker.*"),
    "yaml": ("release.config", "release.config.*"),
    "zlib_ng": ("release.compression.codecs",),
    "zstandard": ("release.compression.codecs", "release.compression.decompress"),
}

#: Starting processes belongs to one module. The entry point starts no other process: it starts its own anew, in UTF-8.
PROCESS_MODULES = frozenset({"multiprocessing", "pty", "subprocess"})
PROCESS_CALLS = (
    "os.exec*",
    "os.fork*",
    "os.popen",
    "os.posix_spawn*",
    "os.spawn*",
    "os.startfile",
    "os.system",
)
MAY_START_PROCESSES = ("release.programs.processes", "release.cli.entry")

#: Threads that we can wake, no loop; an executor joins its threads at exit, which would hold up SIGTERM.
NEVER = frozenset({"asyncio", "concurrent.futures"})

#: The environment and the standard streams belong to the command line.
EDGE = (
    "os.environ",
    "os.environb",
    "os.getenv",
    "os.getenvb",
    "sys.argv",
    "sys.stderr",
    "sys.stdin",
    "sys.stdout",
)
COMMAND_LINE = ("release.cli", "release.cli.*")

#: Exceptions outside the tree, each caught by the module's own callers.
CAUGHT_INSIDE = {
    "release.app.setup.init.convert.*": {
        "CannotConvert",
        "NotPlain",
        "Unresolved",
    },  # becomes a line of what was not converted, with its place
    "release.cli.entry": {"AttributeError"},  # Python's protocol of `from … import …`
    "release.build.embedded.archives": {"ReadError"},  # becomes BuildError with the archive's name
    "release.build.embedded.layer_changes": {"ReadError"},  # likewise, with the base's name
    "release.compression.tar_members": {
        "ReadError"
    },  # likewise; `Invalid` for an archive that holds an image
    "release.build.dockerfile.json_words": {"NotStrings"},  # gets its Dockerfile line from the caller
    "release.build.dockerfile.lexer": {"ExpansionError", "ValueRequired"},  # likewise
    "release.build.dockerfile.mounts": {"MountError", "MountNameError"},  # likewise
    "release.build.dockerfile.remote_sources": {"GitAddressError"},  # likewise
    "release.build.dockerfile.substitution": {"ValueError"},  # becomes ExpansionError
    "release.patterns": {"ValueError"},  # likewise
    "release.build.dockerfile.scope": {"ExpansionError"},  # caught where it is raised, with the line
    "release.build.context.tree": {"Escape", "LinkLoop"},  # likewise
    "release.docker.sdk_client": {
        "TimeoutError",
        "ValueError",
    },  # become BuildError with the daemon's address
    "release.filesystem.cache_folder": {"PermissionError", "Unsafe"},  # become a temporary folder
    "release.filesystem.cache_lease": {"TimeoutError", "Unsafe"},  # likewise
    "release.tagging.rules.evaluation": {"UnknownNameError"},  # becomes a warning about the rule
    "release.canonical_json": {"ValueError"},  # a value without a canonical form is a defect of ours
    "release.cli.*": {
        "UsageError",
        "BadParameter",
        "NoSuchCommand",
    },  # of click; `usage_errors` prints them
    "release.step_scheduler": {"RuntimeError"},  # steps that wait for one another are a defect of ours
    "release.git.describe": {"ValueError"},  # becomes GitError in `understood`
    "release.log.stores.git.segments": {"Unfit"},  # becomes a reading of all commits
    "release.log.catalog.*": {"IndexFailed", "Unfit", "_RollBack"},  # become a new index, or none
    "release.log.chain": {"Malformed"},  # becomes LogCorrupt or a torn last line, by its place
    "release.log.stores.sql.transaction": {
        "DBAPIError",
        "IntegrityError",
        "NoHead",
    },  # as SQLAlchemy would; the store translates them
    "release.log.stores.sql.wire": {"DataError"},  # as psycopg would, likewise
    "release.log.*": {"HeadMoved", "OSError"},  # the contract of the compare-and-swap; errno from the system
    "release.programs.processes": {"FileNotFoundError"},  # the contract of `Process.run`
    "release.programs.pipes": {"TimeoutError"},  # likewise
    "release.image_names.*": {"OSError"},  # errno from the system
    "release.layout.*": {"OSError"},  # likewise
    "release.registry.*": {"OSError"},  # errno from the system
    "release.registry.http.connections": {"ProxyFault", "ProxyRefused"},  # become Unreachable in `translated`
    "release.versions.calver": {"ValueError"},  # not a version: the caller knows where it stood
    "release.versions.semver": {"ValueError"},  # likewise
    "release.versions.next_calver": {
        "LaterVersionError",
        "UnclearPatternError",
        "ValueError",
    },  # become ConfigError with the place in the config, or in `next_due`
    "release.versions.prereleases": {
        "LowerPrereleaseError",
        "ValueError",
    },  # becomes ConfigError in `next_due`
    "release.config.path_globs": {"ValueError"},  # becomes ConfigError with the place of the list
}

#: Says "this line is never reached" or "an adapter left this out", never something to a person.
UNREACHABLE = {"AssertionError", "NotImplementedError"}

LONGEST_MODULE = 400
LONGEST_FUNCTION = 60
MOST_MODULES = 25  # of one folder, without its `__init__.py`

#: Longer than that, and why.
LONG_MODULES: dict[str, str] = {}
LONG_FUNCTIONS: dict[str, str] = {}


class Module(NamedTuple):
    """A Python source file: its dotted name, path and syntax tree."""

    name: str
    path: Path
    tree: ast.Module


@cache
def _modules() -> dict[str, Module]:
    found = {}
    for package in ("ci", "release"):
        for path in sorted((ROOT / package).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
            found[name] = Module(name, path, ast.parse(path.read_text(), str(path)))
    return found


def _fits(name: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def _imported(module: Module) -> Iterator[str]:
    """Yield the full name of each imported module, also of late imports and of those for types."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module.path}:{node.lineno}: imports are absolute"
            for alias in node.names:
                # `from release.plan import steps` names a module, `from release.plan import Plan` does not.
                inner = f"{node.module}.{alias.name}"
                yield inner if inner in _modules() else str(node.module)


def _top(name: str) -> str:
    return name.partition(".")[0]


def _is_pure(name: str) -> bool:
    return _fits(name, PURE)


def _is_outside(name: str) -> bool:
    return _top(name) not in ("ci", "release")


def _dotted(node: ast.expr) -> str:
    """Return `a.b.c` for a chain of attributes, or an empty text."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        head = _dotted(node.value)
        return f"{head}.{node.attr}" if head else ""
    return ""


def _attributes(module: Module) -> Iterator[tuple[int, str]]:
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Attribute):
            yield node.lineno, _dotted(node)


def _called(module: Module) -> Iterator[tuple[int, str]]:
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Call):
            yield node.lineno, _dotted(node.func)


def _from_imports(module: Module) -> Iterator[tuple[int, str]]:
    for node in ast.walk(module.tree):
        if isinstance(node, ast.ImportFrom):
            yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)


def _pure_modules() -> list[Module]:
    return [module for name, module in _modules().items() if _is_pure(name)]


def test_ci_imports_nothing_of_release() -> None:
    leaf = [module for name, module in _modules().items() if _top(name) == "ci"]
    assert leaf
    assert [
        (module.name, name) for module in leaf for name in _imported(module) if _top(name) == "release"
    ] == []


def test_modules_without_effects_and_interfaces_import_only_each_other() -> None:
    modules = [*_pure_modules(), *(_modules()[name] for name in CONTRACTS)]
    pairs = [(module.name, name) for module in modules for name in _imported(module) if not _is_outside(name)]
    assert [(name, other) for name, other in pairs if not (_is_pure(other) or other in CONTRACTS)] == []


def test_every_pattern_of_modules_without_effects_matches_a_module() -> None:
    assert [pattern for pattern in PURE if not any(fnmatchcase(name, pattern) for name in _modules())] == []


def test_modules_without_effects_use_only_libraries_without_effects() -> None:
    pairs = [
        (module.name, name) for module in _pure_modules() for name in _imported(module) if _is_outside(name)
    ]
    assert [(name, other) for name, other in pairs if not {other, _top(other)} & PURE_LIBRARIES] == []


def test_modules_without_effects_name_only_constants_as_attributes_of_sys() -> None:
    names = [(module.name, *found) for module in _pure_modules() for found in _attributes(module)]
    assert [found for found in names if found[2].startswith("sys.") and found[2] not in PURE_OF_SYS] == []


def test_modules_without_effects_open_no_file_and_read_no_clock() -> None:
    banned = (
        "open",
        "io.open",
        "io.FileIO",
        "*datetime.now",
        "*datetime.utcnow",
        "*datetime.today",
        "*date.today",
    )
    calls = [(module.name, line, name) for module in _pure_modules() for line, name in _called(module)]
    assert [call for call in calls if _fits(call[2], banned)] == []


def test_foreign_libraries_are_imported_only_by_their_modules() -> None:
    pairs = [
        (module.name, name)
        for module in _modules().values()
        for name in _imported(module)
        if _is_outside(name)
    ]
    foreign = [(module, name) for module, name in pairs if _top(name) not in sys.stdlib_module_names]
    assert [(module, name) for module, name in foreign if not _fits(module, HOMES.get(_top(name), ()))] == []


def _run_at_import(node: ast.AST) -> Iterator[ast.AST]:
    """Yield what is executed when a module is imported: everything but the bodies of its functions."""
    yield node
    if not isinstance(node, (ast.FunctionDef, ast.Lambda)):
        for child in ast.iter_child_nodes(node):
            yield from _run_at_import(child)


def test_no_module_compiles_a_regular_expression_while_it_is_imported() -> None:
    strays = [
        (module.name, node.lineno)
        for module in _modules().values()
        for node in _run_at_import(module.tree)
        if isinstance(node, ast.Call) and _dotted(node.func) == "re.compile"
    ]
    # `release.lazy_pattern.pattern` compiles at the first use; in `ci`, which imports nothing of `release`, use
    # `re.fullmatch(TEXT, ...)` and its like, which keep what they have compiled.
    assert strays == []


def test_script_that_installs_shipmark_imports_nothing_but_the_standard_library() -> None:
    # It runs before anything is installed, with `python -I`, so it finds no package, not even `release`.
    module = _modules()["release.cli.action.unpack"]
    assert {_top(name) for name in _imported(module)} <= set(sys.stdlib_module_names)


def test_only_listed_modules_start_processes() -> None:
    for module in _modules().values():
        if module.name not in MAY_START_PROCESSES:
            imported = [name for name in _imported(module) if _top(name) in PROCESS_MODULES]
            called = [(line, name) for line, name in _attributes(module) if _fits(name, PROCESS_CALLS)]
            assert (module.name, imported, called) == (module.name, [], [])


def test_no_module_uses_an_event_loop_or_executor() -> None:
    pairs = [(module.name, name) for module in _modules().values() for name in _imported(module)]
    assert [(module, name) for module, name in pairs if {name, _top(name)} & NEVER] == []


def test_only_the_command_line_prints_and_reads_the_environment() -> None:
    strays = []
    for module in _modules().values():
        if not _fits(module.name, COMMAND_LINE):
            strays += [(module.name, line, name) for line, name in _attributes(module) if name in EDGE]
            strays += [
                (module.name, line, name) for line, name in _called(module) if name in ("print", "input")
            ]
            strays += [(module.name, line, name) for line, name in _from_imports(module) if name in EDGE]
    assert strays == []


def test_nothing_but_the_command_line_imports_the_command_line() -> None:
    others = [module for name, module in _modules().items() if not _fits(name, COMMAND_LINE)]
    assert [(m.name, name) for m in others for name in _imported(m) if _fits(name, COMMAND_LINE)] == []


def test_runner_imports_no_step_kind() -> None:
    runner = _modules().get("release.runner")
    if runner is not None:
        kinds = ("release.effects.*", "release.plan.operands", "release.plan.steps", "release.plan.release")
        assert [name for name in _imported(runner) if _fits(name, kinds)] == []


@cache
def _exceptions() -> dict[str, str]:
    """Return the first base of each class in the source, by class name."""
    classes = (node for module in _modules().values() for node in ast.walk(module.tree))
    return {
        node.name: _dotted(node.bases[0]) for node in classes if isinstance(node, ast.ClassDef) and node.bases
    }


def _descends_from_the_root(name: str) -> bool:
    seen = set()
    while name not in seen:
        seen.add(name)
        if hasattr(errors, name):
            return True
        name = _exceptions().get(name, name).rpartition(".")[2]
    return False


def _raised(module: Module) -> Iterator[tuple[int, str]]:
    """Yield line and class of each `raise Class` and `raise Class(...)`, but not of a `raise variable`."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Raise) and node.exc is not None:
            target = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
            name = _dotted(target).rpartition(".")[2]
            if name[:1].isupper():
                yield node.lineno, name


def _returned_builtins(module: Module) -> Iterator[tuple[int, str]]:
    """Yield the builtin exceptions that a helper makes for its caller to raise."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Return) and isinstance(node.value, ast.Call):
            name = _dotted(node.value.func)
            kind = getattr(builtins, name, None)
            if isinstance(kind, type) and issubclass(kind, Exception):
                yield node.lineno, name


def test_every_raised_exception_descends_from_release_error_or_is_listed() -> None:
    strays = []
    for module in _modules().values():
        caught = (names for home, names in CAUGHT_INSIDE.items() if fnmatchcase(module.name, home))
        allowed = UNREACHABLE.union(*caught)
        for line, name in (*_raised(module), *_returned_builtins(module)):
            if name not in allowed and not _descends_from_the_root(name):
                strays.append((module.name, line, name))
    assert strays == []


def test_modules_of_ci_raise_no_exception() -> None:
    leaf = [module for name, module in _modules().items() if _top(name) == "ci"]
    assert [(module.name, *found) for module in leaf for found in _raised(module)] == []


def _branches() -> list[type[errors.ReleaseError]]:
    return [kind for kind in errors.ReleaseError.__subclasses__() if kind.__module__ == errors.__name__]


def _below(kind: type[errors.ReleaseError]) -> Iterator[type[errors.ReleaseError]]:
    for inner in kind.__subclasses__():
        yield inner
        yield from _below(inner)


def test_each_branch_of_the_error_tree_owns_its_exit_code() -> None:
    codes = [kind.exit_code for kind in _branches() if "exit_code" in vars(kind)]
    assert len(codes) == len(set(codes))
    assert sorted(codes) == [2, 3, 4, 5, 6, 7, 130]
    assert errors.ReleaseError.exit_code == 1


def test_errors_of_a_branch_have_its_exit_code_with_two_exceptions() -> None:
    elsewhere = {errors.LogCorrupt: 6, errors.Terminated: 143}
    for branch in _branches():
        for kind in _below(branch):
            assert kind.exit_code == elsewhere.get(kind, branch.exit_code), kind


def test_error_table_in_the_docstring_names_every_class() -> None:
    names = {kind.__name__ for kind in _below(errors.ReleaseError) if kind.__module__ == errors.__name__}
    assert {name for name in names if name not in str(errors.__doc__)} == set()


def test_modules_have_at_most_the_allowed_number_of_lines() -> None:
    lengths = {name: len(module.path.read_text().splitlines()) for name, module in _modules().items()}
    assert {name: n for name, n in lengths.items() if n > LONGEST_MODULE and name not in LONG_MODULES} == {}


def test_folders_have_at_most_the_allowed_number_of_modules() -> None:
    paths = [module.path for module in _modules().values() if module.path.name != "__init__.py"]
    counts = Counter(str(path.parent.relative_to(ROOT)) for path in paths)
    assert {folder: count for folder, count in counts.items() if count > MOST_MODULES} == {}


def test_functions_have_at_most_the_allowed_number_of_lines() -> None:
    long = {}
    for module in _modules().values():
        for node in ast.walk(module.tree):
            if isinstance(node, ast.FunctionDef):
                name, lines = f"{module.name}.{node.name}", (node.end_lineno or node.lineno) - node.lineno + 1
                if lines > LONGEST_FUNCTION and name not in LONG_FUNCTIONS:
                    long[name] = lines
    assert long == {}


def test_every_exception_to_a_length_limit_states_its_reason() -> None:
    assert all([*LONG_MODULES.values(), *LONG_FUNCTIONS.values()])
    assert set(LONG_MODULES) <= set(_modules())
