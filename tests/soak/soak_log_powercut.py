"""The long form of the power-cut enumeration: more than twenty thousand different disks."""

from __future__ import annotations

from tests.support.logs.powercut_scenarios import Make, states


def test_twenty_thousand_power_cuts_lose_no_log_entry() -> None:
    count = states(Make(), sector=32)
    print(f"{count} different states, none bad")
    assert count >= 20_000
