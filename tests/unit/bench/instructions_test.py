#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""What bench/macro/instructions makes of counts: rows of input and output."""

import importlib.machinery
import importlib.util
import os
import pathlib
import sys
import tempfile
import unittest

MACRO = os.path.join(os.path.dirname(os.path.realpath(__file__)), "../../../bench/macro")
sys.path.append(MACRO)
LOADER = importlib.machinery.SourceFileLoader("instructions", f"{MACRO}/instructions")
instructions = importlib.util.module_from_spec(
    importlib.util.spec_from_loader("instructions", LOADER))
LOADER.exec_module(instructions)


class Instructions(unittest.TestCase):
    def test_what_all_connections_cost_cancels(self):
        counts = [700 + 20 * 500, 700 + 20 * 1000] * 3
        self.assertEqual(instructions.per_message(counts, 500), 20)

    def test_one_pair_that_was_disturbed_does_not_count(self):
        counts = [10_000, 20_000, 10_000, 90_000, 10_000, 20_000]
        self.assertEqual(instructions.per_message(counts, 500), 20)

    def test_growth_beyond_the_bound_is_refused(self):
        for count, good, word in ((105_000, True, "+5.0%"), (105_001, False, "5% are allowed"),
                                  (95_000, True, "-5.0%"), (94_999, True, "recorded anew"),
                                  (100_000, True, "+0.0%")):
            with self.subTest(count=count):
                judged, line = instructions.judge(count, 100_000)
                self.assertEqual(judged, good)
                self.assertIn(word, line)

    def test_dumps_are_those_of_the_thread_with_most_in_their_order(self):
        with tempfile.TemporaryDirectory() as directory:
            for name, text in (("callgrind.2-03", "totals: 30\n"),
                               ("callgrind.2-01", "totals: 4\n"),
                               ("callgrind.10-03", "events: Ir\ntotals: 50\n"),
                               ("callgrind.1-01", "totals: 90\n"), ("callgrind.1-03", ""),
                               ("callgrind", "totals: 1\n")):
                pathlib.Path(directory, name).write_text(text)
            self.assertEqual(instructions.dumped(directory), [90, 30, 50])

    def test_counts_of_perf(self):
        text = ("# started on Fri\n\n123,,io_uring:io_uring_complete,2000,100.00,,\n"
                "<not supported>,,instructions:u,0,100.00,,\n7,,raw_syscalls:sys_enter,1,1.0,,\n")
        self.assertEqual(instructions.counted(text),
                         {"io_uring:io_uring_complete": 123, "raw_syscalls:sys_enter": 7})


if __name__ == "__main__":
    unittest.main()
