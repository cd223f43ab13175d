#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Segments of a real server, damaged and repaired: every mail that was not hit is there, once."""

import glob
import json
import os
import random
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "../support"))

import mailrace  # noqa: E402

SEED = int(os.environ.get("MAILRACE_TEST_SEED", "1"))
MAILS = 120
HITS = 5
HEAD_BYTES = 4096


class Repair(mailrace.ServerTestCase):
    def setUp(self):
        super().setUp()
        self.random = random.Random(SEED)
        self.output = os.path.join(self.directory, "out")

    def fill(self):
        """Mails in several segments, some longer than what is left of one."""
        with mailrace.Server(self.spool, segment_size="1MiB") as server:
            with server.connect() as client:
                client.hello()
                for number in range(MAILS):
                    lines = self.random.randrange(1, 700)
                    content = b"X-Number: %d\r\n\r\n" % number + b"0123456789abcdef\r\n" * 4 * lines
                    mailrace.accepted_id(client.mail(content))
            self.assertEqual(server.stop(), 0)

    def damage(self):
        """Overwrites a few octets in each of some places. Returns the octets of each file."""
        pattern = os.path.join(self.spool, "worker-*", "*.segment")
        files = [path for path in sorted(glob.glob(pattern)) if os.path.getsize(path) > 1 << 16]
        self.assertGreater(len(files), 2)
        for _ in range(HITS):
            path = self.random.choice(files)
            with open(path, "r+b") as file:
                file.seek(self.random.randrange(HEAD_BYTES, os.path.getsize(path) - 64))
                file.write(self.random.randbytes(16))
        damaged = {}
        for path in files:
            with open(path, "rb") as file:
                damaged[path] = file.read()
        return damaged

    def listed(self):
        status, out, _ = mailrace.run("spool", "list", "--json", self.spool)
        self.assertEqual(status, 0)
        return [json.loads(line)["id"] for line in out.splitlines()]

    def hand_off(self):
        """Exit status, and the names of what a consumer was handed since."""
        status, _, err = mailrace.run("spool", "export", self.spool, "--consumer", "c",
                                      "--format", "eml", "--output", self.output)
        names = os.listdir(self.output)
        for name in names:
            os.unlink(os.path.join(self.output, name))
        return status, names, err

    def test_whole_again_and_nothing_twice(self):
        self.fill()
        everything = self.listed()
        self.assertEqual(len(everything), MAILS)
        damaged = self.damage()
        left = self.listed()
        self.assertLess(len(left), MAILS)
        self.assertGreater(len(left), MAILS // 2)
        status, handed, _ = self.hand_off()
        self.assertEqual((status, sorted(handed)), (1, sorted(f"{mail}.eml" for mail in left)))
        self.assertEqual(mailrace.run("spool", "verify", self.spool)[0], 1)

        status, out, err = mailrace.run("spool", "repair", "--dry-run", self.spool)
        self.assertEqual((status, err), (1, ""), out)
        with mailrace.Server(self.spool, segment_size="1MiB") as server:
            status, out, err = mailrace.run("spool", "repair", self.spool)
            self.assertEqual((status, out), (2, ""))
            self.assertIn(f"in use by process {server.process.pid}", err)
            self.assertEqual(server.stop(), 0)
        status, out, err = mailrace.run("spool", "repair", self.spool)
        self.assertEqual((status, err), (0, ""), out)

        self.assertEqual(self.listed(), left)
        mailrace.verify(self.spool)
        for path, octets in damaged.items():
            aside = path.replace(".segment", ".damaged")
            kept = aside if os.path.exists(aside) else path
            with open(kept, "rb") as file:
                self.assertEqual(file.read(), octets, kept)
        # What was pending for the damage is let go; nothing comes again.
        status, handed, err = self.hand_off()
        self.assertEqual((status, handed), (0, []), err)
        with mailrace.Server(self.spool, segment_size="1MiB") as server:
            self.assertEqual(server.wait_event("recovered")["damage"], 0, server.log)
            with server.connect() as client:
                new = mailrace.accepted_id(client.hello().mail(b"Subject: new\r\n\r\n"))
            self.assertEqual(server.stop(), 0)
        self.assertEqual(self.hand_off()[:2], (0, [f"{new}.eml"]))
        self.assertEqual(self.listed(), left + [new])


if __name__ == "__main__":
    mailrace.main()
