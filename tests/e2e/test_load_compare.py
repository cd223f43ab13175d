#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""`mailrace load compare` on results that `mailrace load --json` has printed."""

import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "../support"))

import mailrace  # noqa: E402


class LoadCompare(mailrace.ServerTestCase):
    def setUp(self):
        super().setUp()
        self.server = self.serve()
        host, port = self.server.address
        code, self.printed, err = mailrace.run(
            "load", "--target", f"{host}:{port}", "--rcpt", "user@example.com", "--connections",
            "4", "--messages", "50", "--json", "--allow-generator-limit")
        self.assertEqual((code, err), (0, ""))

    def file(self, name, text):
        path = os.path.join(self.directory, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path

    def result(self, name, **changes):
        """A file as --json prints it, with other figures."""
        result = json.loads(self.printed)
        for key, value in changes.items():
            result[key] = {**result[key], **value} if isinstance(value, dict) else value
        return self.file(name, json.dumps(result))

    def repeats(self, rates):
        base = json.loads(self.printed)
        return [{**base, "messages_per_second": rate} for rate in rates]

    def compare(self, *arguments):
        return mailrace.run("load", "compare", *arguments)

    def test_compare_says_what_has_changed(self):
        first = self.result("first.json", messages_per_second=1000)
        slow = self.result("slow.json", messages_per_second=900, flags={"connections": "5"})
        code, out, err = self.compare(first, slow, first)
        self.assertEqual((code, err), (0, ""))
        self.assertRegex(out, r"messages/s +1000 +900  -10\.0 % +1000 +~\n")
        self.assertIn("not the same scenario: --connections: 4 | 5 | 4\n", out)
        self.assertIn("no repeats: noise unknown", out)
        code, out, _ = self.compare(first, slow, "--json", "--fail-over", "9.9")
        self.assertEqual(code, 1)
        done = json.loads(out)
        self.assertEqual(done["files"], [first, slow])
        self.assertEqual(done["figures"]["messages_per_second"]["verdict"], ["same", "worse"])
        self.assertEqual(len(done["setbacks"]), 1)
        self.assertEqual(self.compare(first, slow, "--fail-over", "10.1")[0], 0)
        self.assertEqual(self.compare(slow, first, "--fail-over", "0")[0], 0)

    def test_compare_leaves_noise_alone(self):
        first = self.result("first.json", messages_per_second=1000,
                            repeats=self.repeats([950, 1000, 1050]))
        slow = self.result("slow.json", messages_per_second=910,
                           repeats=self.repeats([880, 910, 975]))
        code, out, _ = self.compare(first, slow, "--fail-over", "0")
        self.assertEqual(code, 0, out)
        self.assertRegex(out, r"messages/s +1000 \+-5\.0% +910 \+-5\.2% +~\n")
        self.assertNotIn("no repeats", out)

    def test_compare_reads_several_runs(self):
        host, port = self.server.address
        code, out, _ = mailrace.run(
            "load", "--target", f"{host}:{port}", "--rcpt", "user@example.com", "--messages", "50",
            "--repeat", "3", "--json", "--allow-generator-limit")
        self.assertEqual(code, 0)
        several = self.file("several.json", out)
        code, out, err = self.compare(several, several, "--json", "--fail-over", "0")
        self.assertEqual((code, err), (0, ""))
        done = json.loads(out)
        self.assertEqual(done["repeats"], [3, 3])
        figure = done["figures"]["messages_per_second"]
        self.assertGreater(figure["noise_percent"][0], 0)
        self.assertEqual(figure["verdict"], ["same", "same"])

    def test_compare_refuses_what_is_no_result(self):
        good = self.result("good.json")
        for text, what in (("{\"a\":", "octet 6: not JSON"), ("[]", "octet 1: an object is needed"),
                           ("{\"messages_per_second\":1}", "megabytes_per_second: a number"),
                           ("[" * 1000, "nested more than 16 deep")):
            with self.subTest(text=text[:20]):
                bad = self.file("bad.json", text)
                code, out, err = self.compare(good, bad)
                self.assertEqual((code, out), (2, ""))
                self.assertTrue(err.startswith(f"mailrace load compare: {bad}: {what}"), err)
                self.assertEqual(err.count("\n"), 1)
        for arguments, what in (((), "FILE"), ((good,), "FILE: 1 given (allowed: 2 to 16)"),
                                ((good, "/nonexistent"), "/nonexistent: No such file"),
                                ((good, good, "--fail-over", "x"), "--fail-over: 'x'"),
                                ((good, good, "--fail-over", "-1"), "--fail-over")):
            with self.subTest(arguments=arguments):
                code, out, err = self.compare(*arguments)
                self.assertEqual((code, out), (2, ""))
                self.assertIn(what, err)
                self.assertEqual(err.count("\n"), 1)


if __name__ == "__main__":
    mailrace.main()
