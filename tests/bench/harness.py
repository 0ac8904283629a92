"""Measures whole processes: every round runs each command once, and the order of the commands rotates.

CPU time (user and system) and peak memory are what `wait4` reports for the process and the children that it waited for.
The peak is never below that of `measured_run.py`, some 12 MiB: the system also counts what a process had before its
`exec`.
"""

from __future__ import annotations

import datetime
import json
import math
import os
import platform
import statistics
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

_RUN = str(Path(__file__).with_name("measured_run.py"))


class Command(NamedTuple):
    """A command that is timed. Ratios of a comparison are relative to its first command."""

    name: str
    argv: Sequence[str | Path]
    cwd: Path
    env: Mapping[str, str]


class Sample(NamedTuple):
    """One run of a command. Times in seconds, peak memory in MiB."""

    cpu: float
    wall: float
    rss: float


class Series(NamedTuple):
    """All runs of one command, in order; without samples when it failed or took too long, for `reason`."""

    name: str
    samples: tuple[Sample, ...]
    reason: str = ""


def measure(command: Command, *, limit: float) -> Sample:
    """Run the command once. Raises `RuntimeError` if it fails, `TimeoutError` after `limit` seconds."""
    asked = {
        "argv": [str(part) for part in command.argv],
        "cwd": str(command.cwd),
        "env": dict(command.env),
        "limit": limit,
    }
    done = subprocess.run(
        [sys.executable, "-I", "-S", _RUN],
        input=json.dumps(asked),
        capture_output=True,
        text=True,
        check=True,
    )
    found = json.loads(done.stdout)
    if found["is_late"]:
        raise TimeoutError(f"over {limit:.0f} s")
    if found["status"] != 0:
        last = found["said"].strip().splitlines()[-1:]
        raise RuntimeError(f"exit {found['status']}: {''.join(last)[:120]}")
    return Sample(found["cpu"], found["wall"], found["rss"] / 1024)


def compare(commands: Sequence[Command], *, rounds: int = 11, limit: float = 60.0) -> list[Series]:
    """Run all `commands` in `rounds` alternating rounds after one warm-up that also drops those that fail."""
    dropped: dict[str, str] = {}
    for command in commands:
        try:
            measure(command, limit=limit)
        except (RuntimeError, TimeoutError) as error:
            dropped[command.name] = str(error)
    running = [command for command in commands if command.name not in dropped]
    samples: dict[str, list[Sample]] = {command.name: [] for command in running}
    for number in range(rounds):
        turn = number % max(len(running), 1)
        for command in running[turn:] + running[:turn]:
            samples[command.name].append(measure(command, limit=limit))
    return [
        Series(command.name, tuple(samples.get(command.name, ())), dropped.get(command.name, ""))
        for command in commands
    ]


def table(title: str, series: Sequence[Series]) -> str:
    """Return a Markdown table; the ratio is the median over the rounds of CPU divided by the first command's."""
    peer = series[0]
    rounds = len(peer.samples)
    lines = [
        f"### {title}",
        "",
        f"{rounds} alternating rounds; ratio of CPU to `{peer.name}`, median over the rounds.",
        "",
        "| command | CPU s (min, median, max) | ratio | wall s (min, median, max) | peak MiB |",
        "| --- | --- | --- | --- | --- |",
    ]
    for one in series:
        if not one.samples:
            lines.append(f"| {one.name} | {one.reason} | | | |")
            continue
        pairs = zip(one.samples, peer.samples, strict=True)
        ratio = statistics.median(sample.cpu / other.cpu for sample, other in pairs)
        rss = max(sample.rss for sample in one.samples)
        lines.append(
            f"| {one.name} | {_spread([s.cpu for s in one.samples])} | {ratio:.2f} "
            f"| {_spread([s.wall for s in one.samples])} | {rss:.0f} |"
        )
    return "\n".join(lines)


def row(name: str, taken: Sequence[Sample]) -> str:
    """Return a row of a table of wall-clock times: minimum, median and maximum, CPU time, peak memory."""
    walls = [sample.wall for sample in taken]
    cpu, rss = statistics.median(sample.cpu for sample in taken), max(sample.rss for sample in taken)
    wall = f"{min(walls):.2f}, **{statistics.median(walls):.2f}**, {max(walls):.2f}"
    return f"| {name} | {wall} | {cpu:.2f} | {rss:.0f} |"


def paired(own: Sequence[Sample], other: Sequence[Sample]) -> tuple[float, float]:
    """Return the median over the rounds of the ratio of two commands' CPU times, and its upper bound.

    The bound is an order statistic, so it assumes nothing about how the ratios are distributed: the median is above the
    k-th largest of n ratios with the probability that at most k - 1 of n coins show heads, here at most 5 %. With fewer
    than five rounds no ratio is such a bound, and the largest is given.
    """
    ratios = sorted(one.cpu / two.cpu for one, two in zip(own, other, strict=True))
    count, above, tail = len(ratios), 0, 0.0
    while (tail := tail + math.comb(count, above) / 2**count) <= 0.05:
        above += 1
    return statistics.median(ratios), ratios[-max(above, 1)]


def ratio_of(own: Sequence[Sample], other: Sequence[Sample]) -> float:
    """Return the median over the rounds of the ratio of two commands' wall-clock times."""
    return statistics.median(one.wall / two.wall for one, two in zip(own, other, strict=True))


def machine() -> str:
    """Return one line with the date and the machine of the measurement."""
    git = subprocess.run(["git", "--version"], capture_output=True, text=True, check=True).stdout.split()[2]
    today = datetime.datetime.now(datetime.UTC).date()
    return (
        f"{today}, {_processor()}, {os.cpu_count()} cores, {platform.system()} {platform.release()}, "
        f"Python {platform.python_version()}, git {git}"
    )


def _processor() -> str:
    if sys.platform == "linux":
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _spread(values: Sequence[float]) -> str:
    return f"{min(values):.3f}, **{statistics.median(values):.3f}**, {max(values):.3f}"
