"""`make bench`: prints tables of whole-process times. Arguments name the benches; `--rounds N` shortens them."""

from __future__ import annotations

import argparse
from importlib import import_module
from pathlib import Path

from tests.bench.harness import machine

#: Bench -> its module, which has `run(folder, *, rounds)`.
BENCHES = {
    "action": "tests.bench.action",
    "build": "tests.bench.build",
    "changed": "tests.bench.changed",
    "log": "tests.bench.log",
    "prune": "tests.bench.prune",
    "push": "tests.bench.push",
    "tags": "tests.bench.tags",
    "wan": "tests.bench.round_trips",
}


def main() -> None:
    """Run the benches that the command line names, or all."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("benches", nargs="*", default=[], metavar="BENCH", help=", ".join(BENCHES))
    parser.add_argument("--rounds", type=int, default=11)
    arguments = parser.parse_args()
    unknown = set(arguments.benches) - set(BENCHES)
    if unknown:
        parser.error(f"no such bench: {', '.join(sorted(unknown))}; there are: {', '.join(BENCHES)}")
    folder = Path(__file__).parents[2] / ".bench"
    folder.mkdir(exist_ok=True)
    (folder / "home").mkdir(exist_ok=True)
    print(machine(), flush=True)
    for name in arguments.benches or BENCHES:
        for text in import_module(BENCHES[name]).run(folder, rounds=arguments.rounds):
            print(f"\n{text}", flush=True)


if __name__ == "__main__":
    main()
