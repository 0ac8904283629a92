"""The words that Go's `strconv.ParseBool` reads as true and as false. Pure."""

from __future__ import annotations

TRUE = frozenset({"1", "t", "T", "TRUE", "true", "True"})
FALSE = frozenset({"0", "f", "F", "FALSE", "false", "False"})
