#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every timeout that an operator can set, in seconds instead of minutes."""

import os
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "../support"))

import mailrace  # noqa: E402

CONTENT = b"Subject: x\r\n\r\ntext\r\n"
LATE_S = 3  # how much later than set is still in time, on a busy machine


class Timeouts(mailrace.ServerTestCase):
    def assert_timed_out(self, server, client, began, seconds):
        """421 4.4.2, then the end; the log says so."""
        reply = client.reply()
        took = time.monotonic() - began
        self.assertEqual((reply.code, reply.text[:5]), (421, "4.4.2"))
        self.assertEqual(client.rest(), b"")
        self.assertGreaterEqual(took, seconds)
        self.assertLess(took, seconds + LATE_S)
        peer = "%s:%d" % client.socket.getsockname()
        return server.wait_event("refusal", peer=peer, reply="421 4.4.2")

    def trickle(self, client, octets, pause):
        """Sends octet by octet in the background until somebody closes."""
        def send():
            for octet in octets:
                try:
                    client.send(bytes([octet]))
                except OSError:
                    return
                time.sleep(pause)
        thread = threading.Thread(target=send, daemon=True)
        thread.start()
        self.addCleanup(thread.join)

    def test_no_command(self):
        server = self.serve("--timeout-command", "1s")
        began = time.monotonic()
        client = self.client(server)
        self.assertEqual(client.reply().code, 220)
        line = self.assert_timed_out(server, client, began, 1)
        self.assertEqual(line["verb"], "?")

    def test_each_command_has_its_time(self):
        server = self.serve("--timeout-command", "2s")
        client = self.client(server).hello()
        for _ in range(4):
            time.sleep(1)
            began = time.monotonic()
            mailrace.expect(client.command("NOOP"), 250)
        self.assert_timed_out(server, client, began, 2)

    def test_a_command_line_that_trickles(self):
        server = self.serve("--timeout-command", "2s", "--timeout-linger", "1s")
        client = self.client(server).hello()
        began = time.monotonic()
        self.trickle(client, 100 * b"NOOP ", 0.1)
        self.assert_timed_out(server, client, began, 2)

    def test_mail_data_that_stops(self):
        server = self.serve("--timeout-data-block", "1s")
        client = self.client(server).hello()
        client.begin_data()
        began = time.monotonic()
        client.send(CONTENT)
        line = self.assert_timed_out(server, client, began, 1)
        self.assertEqual(line["verb"], "DATA")
        server.stop()
        self.assertEqual(mailrace.exported(self.spool), [])

    def test_mail_data_that_trickles(self):
        server = self.serve("--timeout-data-block", "2s", "--min-data-rate", "1000",
                            "--timeout-linger", "1s")
        client = self.client(server).hello()
        client.begin_data()
        began = time.monotonic()
        self.trickle(client, 200 * b"x", 0.05)
        self.assert_timed_out(server, client, began, 2)

    def test_mail_data_that_is_slow_enough(self):
        server = self.serve("--timeout-data-block", "1s", "--min-data-rate", "100")
        client = self.client(server).hello()
        client.begin_data()
        for _ in range(40):
            client.send(30 * b"x" + b"\r\n")
            time.sleep(0.1)
        client.send(b".\r\n")
        mailrace.accepted_id(client.reply())

    def test_a_chunk_that_is_thrown_away_has_its_own_time(self):
        server = self.serve("--timeout-data-block", "1s", "--min-data-rate", "100")
        client = self.client(server).hello()
        for _ in range(5):
            time.sleep(1)
            mailrace.expect(client.command("NOOP"), 250)
        client.send(b"BDAT 900\r\n")  # without MAIL
        for _ in range(30):
            client.send(30 * b"x")
            time.sleep(0.1)
        self.assertEqual(client.reply().code, 503)
        mailrace.expect(client.command("NOOP"), 250)

    def test_the_rate_can_be_left_out(self):
        server = self.serve("--timeout-data-block", "1s", "--min-data-rate", "0")
        client = self.client(server).hello()
        client.begin_data()
        for _ in range(10):
            client.send(b"x")
            time.sleep(0.3)
        client.send(b"\r\n.\r\n")
        mailrace.accepted_id(client.reply())

    def test_a_session_without_a_mail(self):
        server = self.serve("--max-transaction-time", "2s")
        began = time.monotonic()
        client = self.client(server).hello()
        mailrace.expect(client.command("MAIL FROM:<a@example.org>"), 250)
        ended = False
        while not ended:
            time.sleep(0.2)
            reply = client.command("RCPT TO:<user@example.com>")
            ended = reply.code == 421
        took = time.monotonic() - began
        self.assertEqual(reply.text[:5], "4.4.2")
        self.assertGreaterEqual(took, 2)
        self.assertLess(took, 2 + LATE_S)

    def test_a_mail_begins_its_total_anew(self):
        server = self.serve("--max-transaction-time", "2s")
        client = self.client(server).hello()
        for _ in range(4):
            time.sleep(1)
            began = time.monotonic()
            mailrace.accepted_id(client.mail(CONTENT))
        self.assert_timed_out(server, client, began, 2)

    def test_a_peer_that_does_not_take_replies(self):
        server = self.serve("--timeout-reply", "1s", "--timeout-command", "1h")
        client = self.client(server, receive_buffer=2048)
        client.socket.settimeout(0.5)
        client.send(b"EHLO client.example\r\n")
        try:
            for _ in range(2000):
                client.send(1000 * b"MAIL FROM:<>\r\nRSET\r\n")
        except (TimeoutError, OSError):
            pass
        self.assertIsNotNone(server.wait_event("refusal", reply="421 4.4.2"))
        client.socket.settimeout(mailrace.PATIENCE_S)
        client.rest()

    def test_a_peer_that_does_not_close(self):
        server = self.serve("--timeout-command", "1s", "--timeout-linger", "1s")
        client = self.client(server)
        self.assertEqual([client.reply().code for _ in range(2)], [220, 421])
        self.assertEqual(client.rest(), b"")
        deadline = time.monotonic() + 1 + LATE_S
        with self.assertRaises(OSError):
            while time.monotonic() < deadline:
                client.send(b"x")
                time.sleep(0.1)

    def test_bad_values(self):
        for flag, value in (("--timeout-command", "0"), ("--timeout-command", "25h"),
                            ("--timeout-data-block", "1"), ("--timeout-reply", "999ms"),
                            ("--timeout-proxy-header", "soon"), ("--timeout-linger", "-1s"),
                            ("--max-transaction-time", "169h"), ("--min-data-rate", "2MiB"),
                            ("--greeting-delay", "31s"), ("--early-talker", "maybe"),
                            ("--proxy-protocol-from", "127.0.0.1/8"),
                            ("--xclient-from", "localhost")):
            status, out, err = mailrace.run("serve", "--check", "--domain", "example.com",
                                            "--spool", self.spool, flag, value)
            self.assertEqual((status, out, err.count("\n")), (2, "", 1), flag)
            self.assertIn(flag, err)
            self.assertIn(value, err)


if __name__ == "__main__":
    mailrace.main()
