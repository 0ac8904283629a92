"""What the sandbox of Jenkins permits, as far as `ci/jenkins/` needs it, and the archive of the sandbox's transformer.

`Sandbox.groovy` notes what scripts would ask the sandbox for, with the transformer that Jenkins uses, too.
"""

from __future__ import annotations

import hashlib
import urllib.request
from collections.abc import Iterable
from pathlib import Path

from tests.support.programs.go_tools import cache_folder
from tests.support.services.required import lack

_ARCHIVE = "https://repo1.maven.org/maven2/org/kohsuke/groovy-sandbox/1.19/groovy-sandbox-1.19.jar"
_SHA256 = "606b2fe4bab1fc40f5816d81c9daa31348df7de0e3ad97c3031a786f0fcd12da"
_GROOVY = "staticMethod org.codehaus.groovy.runtime.DefaultGroovyMethods"
#: The lines of `generic-whitelist` in jenkinsci/script-security-plugin at 00027f44da58, read on 2026-11-29, that the
#: library needs. No other line is here, so a new call in the library has to be looked up there.
PERMITTED = frozenset(
    {
        f"{_GROOVY} getAt java.util.Map java.lang.Object",
        f"{_GROOVY} join java.util.Collection java.lang.String",
        f"{_GROOVY} plus java.lang.String java.lang.Object",
        f"{_GROOVY} plus java.util.Collection java.util.Collection",
        f"{_GROOVY} plus java.util.Map java.util.Map",
        f"{_GROOVY} putAt java.util.Map java.lang.Object java.lang.Object",
        "method java.lang.Comparable compareTo java.lang.Object",
        "method java.lang.Object toString",
        "method java.lang.String contains java.lang.CharSequence",
        "method java.lang.String indexOf java.lang.String",
        "method java.lang.String split java.lang.String",
        "method java.lang.String substring int",
        "method java.lang.String substring int int",
        "method java.util.Collection add java.lang.Object",
        "method java.util.Collection addAll java.util.Collection",
        "method java.util.Map containsKey java.lang.Object",
        "method java.util.Map get java.lang.Object",
        "method java.util.Map keySet",
        "method java.util.Map put java.lang.Object java.lang.Object",
        "method java.util.Map putAll java.util.Map",
        "new java.util.ArrayList java.util.Collection",
        "staticMethod java.util.Arrays asList java.lang.Object[]",
        "staticMethod java.util.UUID randomUUID",
    }
)


def refused(asked: Iterable[list[str]]) -> list[list[str]]:
    """Return the calls that the sandbox would refuse: those of which no declaration is permitted."""
    return [declarations for declarations in asked if not PERMITTED.intersection(declarations)]


def transformer() -> Path:
    """Return the archive, downloaded once for this user; skip the test without a network."""
    path = cache_folder() / f"groovy-sandbox-{_SHA256[:16]}.jar"
    if not path.exists():
        try:
            with urllib.request.urlopen(_ARCHIVE, timeout=60) as answer:
                content = answer.read()
        except OSError as error:
            lack({"groovy-sandbox": str(error)})
        assert hashlib.sha256(content).hexdigest() == _SHA256
        made = path.with_suffix(".new")
        made.write_bytes(content)
        made.rename(path)
    return path
