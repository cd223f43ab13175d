#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""When a run of bench/macro/mails_per_second is disturbed, and what is said of servers then."""

import os
import re
import sys
import unittest
import xml.etree.ElementTree

MACRO = os.path.join(os.path.dirname(os.path.realpath(__file__)), "../../../bench/macro")
sys.path.append(MACRO)

import comparison  # noqa: E402
import comparison_page  # noqa: E402
import disturbance  # noqa: E402
import picture  # noqa: E402

TITLES = {"null": "null server", "disk": "mailrace, disk", "page-cache": "mailrace, page cache",
          "exim": "Exim", "sink": "a <sink>"}
DURABILITIES = {"exim": "disk", "sink": "stores nothing"}
BOUNDS = disturbance.Shares(stolen=0.02, others=0.1)
SCENARIOS = {"B1": ("4 KiB & more", ""), "K1": ("one connection", "")}


def run(rate, disturbed=False, repeats=0):
    return {"rate": rate, "disturbed": disturbed, "repeats": repeats}


def look(total=0.0, busy=0.0, stolen=0.0, ours=0.0):
    return disturbance.Look(total, busy, stolen, ours)


class Shares(unittest.TestCase):
    def test_of_proc_stat(self):
        tick = 1 / disturbance.TICKS_PER_SECOND
        text = "cpu  1 2 4 8 16 32 64 128 256 512\ncpu0 9 9 9 9 9 9 9 9 9 9\n"
        for own_interrupt_time, wanted in ((True, 7), (False, 7 + 32 + 64)):
            total, busy, stolen = disturbance.parse_stat(text, own_interrupt_time)
            self.assertAlmostEqual(total, 255 * tick)  # 256 and 512 are in 1 and 2 already
            self.assertAlmostEqual(busy, wanted * tick)
            self.assertAlmostEqual(stolen, 128 * tick)

    def test_between_two_looks(self):
        for before, after, stolen, others in (
                (look(), look(total=10, busy=4, ours=4), 0, 0),
                (look(), look(total=10, busy=4, ours=3), 0, 0.1),
                (look(total=10, busy=5, stolen=1, ours=2),
                 look(total=20, busy=9, stolen=3, ours=4), 0.2, 0.2),
                # Ours are counted more finely than ticks.
                (look(), look(total=10, busy=4, ours=4.5), 0, 0),
                (look(), look(), 0, 0)):
            with self.subTest(before=before, after=after):
                shares = disturbance.shares(before, after)
                self.assertAlmostEqual(shares.stolen, stolen)
                self.assertAlmostEqual(shares.others, others)

    def test_of_this_machine(self):
        before = disturbance.look(os.getpid())
        sum(range(100_000))
        after = disturbance.look(os.getpid())
        self.assertGreaterEqual(after.total, before.total)
        self.assertGreaterEqual(after.ours, before.ours)
        self.assertGreater(after.ours, 0)


class Repeats(unittest.TestCase):
    def repeated(self, *shares, repeats_max=3):
        left = [{"shares": disturbance.Shares(*one), "number": number}
                for number, one in enumerate(shares)]
        return disturbance.undisturbed(lambda: left.pop(0), BOUNDS, repeats_max)

    def test_until_it_is_left_alone(self):
        calm, stolen, busy = (0.02, 0.1), (0.021, 0), (0, 0.11)
        for shares, repeats, disturbed in (
                ([calm], 0, False),
                ([stolen, calm], 1, False),
                ([busy, stolen, busy, calm], 3, False),
                ([busy, stolen, busy, stolen], 3, True)):
            with self.subTest(shares=shares):
                result = self.repeated(*shares)
                self.assertEqual((result["number"], result["repeats"], result["disturbed"]),
                                 (repeats, repeats, disturbed))

    def test_none_are_allowed(self):
        self.assertTrue(self.repeated((1, 0), repeats_max=0)["disturbed"])


class Ratios(unittest.TestCase):
    def test_median_of_undisturbed_rounds(self):
        for base, other, expected in (
                ([run(90), run(30), run(80)], [run(10)] * 3, 8),
                ([run(900, True), run(30), run(50)], [run(10)] * 3, 4),
                ([run(30), run(900), run(50)], [run(10), run(1, True), run(10)], 4),
                # As few as half of them will do, fewer will not.
                ([run(30, True), run(30)], [run(10)] * 2, 3),
                ([run(30, True), run(30)], [run(10), run(10, True)], comparison.DISTURBED),
                ([run(30, True), run(30, True), run(30)], [run(10)] * 3, comparison.DISTURBED),
                ([run(30)], [run(0)], comparison.DISTURBED)):
            with self.subTest(base=base, other=other):
                self.assertEqual(comparison.ratio(base, other), expected)

    def test_texts(self):
        for value, text in ((None, ""), (comparison.DISTURBED, "disturbed"), (3.14, "3.1×"),
                            (31.4, "31×")):
            self.assertEqual(comparison.ratio_text(value), text)


class Report(unittest.TestCase):
    RESULTS = {
        "B1": {"null": [run(9000)], "disk": [run(600)], "page-cache": [run(1000, repeats=2)],
               "exim": [run(100)], "sink": [run(500)]},
        "K1": {"null": [run(9000)], "disk": [run(60)], "page-cache": [run(100)],
               "exim": [run(30, True, 3)], "sink": []},
    }

    def test_like_is_compared_with_like(self):
        rows = comparison.table(self.RESULTS, TITLES, DURABILITIES)
        self.assertIn("| B1 | 600 | 1000 | 100 (6.0×) | 500 (2.0×) |", rows)
        self.assertIn("| K1 | 60 | 100 | 30 (disturbed) | failed |", rows)
        self.assertIn("| scenario | mailrace, disk | mailrace, page cache | Exim (disk)"
                      " | a <sink> (stores nothing) |", rows)

    def test_no_table_without_others(self):
        results = {"B1": {"null": [run(9000)], "disk": [run(600)]}}
        self.assertEqual(comparison.table(results, TITLES, DURABILITIES), [])

    def test_no_ratio_without_mailrace(self):
        (cell,) = comparison.cells({"exim": [run(100)]}, DURABILITIES)
        self.assertEqual(comparison.cell_text(cell), "100")

    def test_repeats_are_told(self):
        self.assertEqual(comparison.repeated(self.RESULTS),
                         "9 runs, 5 repeated because others used the machine,"
                         " 1 disturbed to the end")

    def test_page_is_whole_and_fetches_nothing(self):
        page = comparison_page.page(self.RESULTS, SCENARIOS, TITLES, DURABILITIES, ["- a < b"])
        self.assertNotRegex(page, r"https?:|src=|href=|@import|url\(")
        charts = [xml.etree.ElementTree.fromstring(chart)
                  for chart in re.findall(r"<svg.*?</svg>", page, re.DOTALL)]
        texts = [["".join(text.itertext()) for text in chart.iter("text")] for chart in charts]
        self.assertEqual(texts[0], ["mailrace, disk", "600/s", "mailrace, page cache", "1,000/s",
                                    "Exim, disk", "100/s · 6.0×", "a <sink>, stores nothing",
                                    "500/s · 2.0×"])
        self.assertIn("30/s · disturbed", texts[1])
        widths = [float(rect.get("width")) for rect in charts[0].iter("rect")]
        self.assertEqual([width / max(widths) for width in widths], [0.6, 1, 0.1, 0.5])
        self.assertIn("<li>a &lt; b</li>", page)
        self.assertIn("<h2>B1: 4 KiB &amp; more</h2>", page)


class Picture(unittest.TestCase):
    RESULT = """## Beside other servers

| scenario | mailrace, disk | Exim (disk) |
| --- | --- | --- |
| B1 | 300 | 100 (3.0×) |

## B1: 4 KiB & more

| server | messages/s (min-max) | CPU ms/message | of null | p50 ms | p99 ms |
| --- | --- | --- | --- | --- | --- |
| null server | 400 (390-410) | 0.0125 | 1.00 | 0.1 | 0.2 |
| mailrace, disk | 300 (1.0-310) | 0.0250 | 0.75 | 0.1 | 0.2 |
| a <sink>, 3 connections taken | 100 (90.0-110) | 1.50 | 0.25 | 0.1 | 0.2 |

## TLS

| mailrace, disk | 7 (7-7) | 7 |
"""

    def test_reads_the_tables_of_scenarios_and_no_other(self):
        scenarios = picture.read_bars(self.RESULT)
        self.assertEqual(list(scenarios), ["B1"])
        what, bars = scenarios["B1"]
        self.assertEqual(what, "4 KiB & more")
        self.assertEqual(bars, [picture.Bar("null server", 400, 0.0125),
                                picture.Bar("mailrace, disk", 300, 0.025),
                                picture.Bar("a <sink>, 3 connections taken", 100, 1.5)])

    def test_bars_are_as_long_as_the_rates(self):
        svg = xml.etree.ElementTree.fromstring(picture.draw(picture.read_bars(self.RESULT)))
        bars = list(svg.iter("{http://www.w3.org/2000/svg}rect"))
        widths = [float(bar.attrib["width"]) for bar in bars]
        self.assertEqual(widths, [picture.BARS_PX * part for part in (1, 0.75, 0.25)])
        texts = [text.text for text in svg.iter("{http://www.w3.org/2000/svg}text")]
        self.assertEqual(texts[:3], ["B1: 4 KiB & more", "null server", "400/s, 12 µs"])
        self.assertIn("a <sink>, 3 connections taken", texts)
        kinds = [group.attrib["class"] for group in svg.iter("{http://www.w3.org/2000/svg}g")]
        self.assertEqual(kinds, ["limit", "ours", "other"])


if __name__ == "__main__":
    unittest.main()
