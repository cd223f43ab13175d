#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each attack, small and short: good senders get all their mail through, exactly once, memory has a
bound, nothing is left behind, and the server ends well. How fast it is meanwhile, `run` measures.
"""

import dataclasses
import os
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "../support"))

import mailrace  # noqa: E402
import rig  # noqa: E402
import scenarios  # noqa: E402
import soak  # noqa: E402

# Sanitizers, which ask for patience, have memory of their own beside each octet.
MEMORY_BYTES_MAX = (256 if mailrace.PATIENCE_S <= 20 else 4096) * rig.MIB
SMALL = rig.Options(scale=0.05, seconds=0.6, quiet_s=0, processes=1, watch_idle_s=0,
                    memory_bytes_max=MEMORY_BYTES_MAX, anonymous_spare=MEMORY_BYTES_MAX)
STOPPED = ("idle_sessions", "slowloris", "deaf", "reset_storm", "huge_pipelines", "vanish")


class Hostile(unittest.TestCase):
    def check(self, name):
        result = rig.run_scenario(scenarios.SCENARIOS[name], SMALL)
        if result.skipped:
            self.skipTest(result.skipped)
        self.assertEqual(result.complaints, [], result)

    def test_it_stops_under_attack(self):
        attacks = [scenarios.SCENARIOS[name] for name in STOPPED]
        result = rig.run_and_stop(attacks, dataclasses.replace(SMALL, seconds=2))
        self.assertEqual(result.complaints, [], result)


    def test_soak(self):
        done = soak.run(6, seed=1)
        if done.result.skipped:
            self.skipTest(done.result.skipped)
        self.assertEqual(done.result.complaints, [], soak.report(done))


def add_tests():
    for name in scenarios.SCENARIOS:
        setattr(Hostile, f"test_{name}", lambda self, name=name: self.check(name))


add_tests()

if __name__ == "__main__":
    mailrace.main()
