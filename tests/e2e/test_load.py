#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""`mailrace load` against `mailrace serve`, both with threads: every message is there, once."""

import json
import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "../support"))

import mailrace  # noqa: E402


class Load(mailrace.ServerTestCase):
    def load(self, server, *flags):
        host, port = server.address
        status, out, err = mailrace.run(
            "load", "--target", f"{host}:{port}", "--rcpt", "user@example.com", "--connections",
            "16", "--threads", "2", "--json", *flags, timeout=3 * mailrace.PATIENCE_S)
        self.assertEqual((status, err), (0, ""), out)
        return json.loads(out)

    def test_every_message_of_two_threads_is_with_two_workers(self):
        server = self.serve(workers=2)
        for flags in (("--size", "600", "--messages", "1000", "--messages-per-connection", "7"),
                      ("--size", "40KiB", "--messages", "300", "--no-pipelining")):
            with self.subTest(flags=flags):
                self.assertEqual(self.load(server, *flags)["messages"], int(flags[3]))
        self.assertEqual(server.stop(), 0)
        mails = mailrace.exported(self.spool)
        self.assertEqual(len(mails), 1300)
        self.assertEqual(len({mail.id for mail in mails}), 1300)
        ids = {re.search(rb"(?mi)^Message-ID: *(\S+)", mail.content).group(1) for mail in mails}
        self.assertEqual(len(ids), 1300)  # each sent once, each kept once
        mailrace.verify(self.spool)

    def test_every_message_is_there_under_tls(self):
        server = self.serve(*mailrace.tls_flags("ecdsa"))
        tls = ("--tls", "starttls", "--messages-per-connection", "2")
        done = self.load(server, *tls, "--tls-version", "1.2", "--messages", "100")
        self.assertEqual((done["messages"], done["tls_resumed"]), (100, 0))
        self.assertGreaterEqual(done["tls_handshakes"], 50)
        done = self.load(server, *tls, "--tls-group", "p-256", "--tls-resume", "100",
                         "--messages", "200")
        self.assertEqual(done["messages"], 200)
        self.assertGreater(done["tls_resumed"], 0)
        self.assertLess(done["tls_resumed"], done["tls_handshakes"])  # the first ones cannot
        done = self.load(server, *tls, "--size", "700KiB", "--messages", "20")  # several pieces
        self.assertEqual(done["messages"], 20)
        self.assertEqual(server.stop(), 0)
        mails = mailrace.exported(self.spool)
        self.assertEqual(len(mails), 320)
        self.assertEqual(len({mail.content for mail in mails}), 320)
        self.assertEqual(sum(len(mail.content) == 700 << 10 for mail in mails), 20)

    def test_a_server_without_tls_is_a_failure(self):
        server = self.serve()
        host, port = server.address
        for mode, error in (("starttls", "unexpected_reply"), ("implicit", "tls")):
            with self.subTest(mode=mode):
                status, out, _ = mailrace.run("load", "--target", f"{host}:{port}", "--json",
                                              "--messages", "3", "--connections", "1", "--rcpt",
                                              "user@example.com", "--tls", mode)
                self.assertEqual(status, 1, out)
                self.assertEqual(json.loads(out)["messages"], 0)
                self.assertEqual(json.loads(out)["errors"][error], 1, out)

    def test_an_answer_that_was_not_expected_is_a_failure(self):
        server = self.serve()
        host, port = server.address
        status, out, _ = mailrace.run("load", "--target", f"{host}:{port}", "--messages", "3",
                                      "--connections", "1", "--rcpt", "user@elsewhere.example",
                                      "--json")
        self.assertEqual(status, 1, out)
        self.assertEqual(json.loads(out)["messages"], 0)


if __name__ == "__main__":
    mailrace.main()
