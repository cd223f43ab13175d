#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Clients that speak before it is their turn: counted, or shown the door."""

import os
import signal
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "../support"))

import mailrace  # noqa: E402

CONTENT = b"Subject: x\r\n\r\ntext\r\n"
BEHIND_EHLO = (b"MAIL FROM:<a@example.org>\r\nRCPT TO:<user@example.com>\r\nDATA\r\n")
BLAST = b"EHLO client.example\r\n" + BEHIND_EHLO + CONTENT + b".\r\nQUIT\r\n"
BLAST_CODES = [220, 250, 250, 250, 354, 250, 221]


class EarlyTalker(mailrace.ServerTestCase):
    def test_the_greeting_waits(self):
        server = self.serve("--greeting-delay", "1s")
        began = time.monotonic()
        client = self.client(server)
        self.assertEqual(client.reply().code, 220)
        self.assertGreaterEqual(time.monotonic() - began, 1)
        self.assertLess(time.monotonic() - began, 5)
        mailrace.expect(client.command("EHLO client.example"), 250)
        mailrace.accepted_id(client.mail(CONTENT))
        self.assertNotIn("early_talker", server.wait_event("message"))

    def test_by_default_they_are_counted(self):
        server = self.serve("--greeting-delay", "1s")
        client = self.client(server)
        client.send(BLAST)
        self.assertEqual([client.reply().code for _ in BLAST_CODES], BLAST_CODES)
        # Before the greeting, behind EHLO, behind DATA.
        self.assertEqual(server.wait_event("message")["early_talker"], 3)

    def test_without_a_mail_they_have_a_line_of_their_own(self):
        server = self.serve()
        client = self.client(server).hello()
        client.send(b"NOOP\r\nNOOP\r\nQUIT\r\n")
        self.assertEqual([client.reply().code for _ in range(3)], [250, 250, 221])
        self.assertEqual(server.wait_event("early_talker")["count"], 2)

    def test_before_the_greeting_they_hear_554_in_its_place(self):
        server = self.serve("--greeting-delay", "20s", "--early-talker", "reject")
        client = self.client(server)
        client.send(b"E")
        reply = client.reply()
        self.assertEqual((reply.code, reply.text[:5]), (554, "5.5.1"))
        self.assertEqual(client.rest(), b"")
        line = server.wait_event("refusal")
        self.assertEqual((line["reply"], line["early_talker"]), ("554 5.5.1", 1))

    def test_within_the_session_as_well(self):
        server = self.serve("--early-talker", "reject")
        for group, codes in ((b"NOOP\r\nNOOP\r\n", [250, 554]),
                             (b"VRFY a\r\nNOOP\r\n", [252, 554]),
                             (b"EHLO a.example\r\nRSET\r\n", [250, 554]),
                             (b"DATA\r\ntext\r\n.\r\n", [503, 554])):
            with self.client(server).hello() as client:
                client.send(group)
                self.assertEqual([client.reply().code for _ in codes], codes)
                self.assertEqual(client.rest(), b"", group)

    def test_pipelining_is_no_offence(self):
        server = self.serve("--early-talker", "reject")
        client = self.client(server).hello()
        for _ in range(3):
            client.send(BEHIND_EHLO + CONTENT + b".\r\n")
            self.assertEqual([client.reply().code for _ in range(4)], [250, 250, 354, 250])
        client.send(BEHIND_EHLO)
        self.assertEqual([client.reply().code for _ in range(3)], [250, 250, 354])
        client.send(CONTENT + b".\r\n" + BEHIND_EHLO + b".\r\nQUIT\r\n")
        self.assertEqual([client.reply().code for _ in range(6)], [250, 250, 250, 354, 250, 221])

    def test_they_do_not_keep_buffers_from_others(self):
        server = self.serve("--greeting-delay", "2s")
        hasty = []
        for _ in range(200):
            client = self.client(server)
            client.socket.settimeout(0.05)
            client.send(b"EHLO client.example\r\n")
            hasty.append(client)
        time.sleep(0.2)
        with self.client(server) as client:
            client.hello()
            mailrace.accepted_id(client.mail(100 * CONTENT))
        for client in hasty:
            client.socket.settimeout(mailrace.PATIENCE_S)
            self.assertEqual([client.reply().code for _ in range(2)], [220, 250])

    def test_a_stop_ends_the_wait(self):
        server = self.serve("--greeting-delay", "30s")
        client = self.client(server)
        time.sleep(0.2)
        server.signal(signal.SIGTERM)
        self.assertEqual(client.reply().code, 421)
        client.close()
        self.assertEqual(server.wait(10), 0)


if __name__ == "__main__":
    mailrace.main()
