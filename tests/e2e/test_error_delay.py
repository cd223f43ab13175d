#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""--error-delay holds one reply back, in its order, and nobody else's."""

import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "../support"))

import mailrace  # noqa: E402

DELAY_S = 1.0
CONTENT = b"Subject: x\r\n\r\ntext\r\n"


class ErrorDelay(mailrace.ServerTestCase):
    def setUp(self):
        super().setUp()
        self.server = self.serve("--error-delay", "1s")

    def test_holds_the_error_back_and_what_comes_behind_it(self):
        client = self.client(self.server).hello()
        begun = time.monotonic()
        client.send(b"NOOP\r\nWIZ\r\nNOOP\r\n")
        self.assertEqual(client.reply().code, 250)
        at_once = time.monotonic() - begun
        self.assertEqual(client.reply().code, 500)
        held_back = time.monotonic() - begun
        self.assertEqual(client.reply().code, 250)
        self.assertGreaterEqual(held_back, DELAY_S)
        self.assertLess(at_once, held_back - DELAY_S / 2)

    def test_input_that_comes_meanwhile_waits(self):
        client = self.client(self.server).hello()
        begun = time.monotonic()
        client.send(b"WIZ\r\n")
        time.sleep(DELAY_S / 4)
        client.send(b"NOOP\r\n")  # moves no deadline
        self.assertEqual([client.reply().code, client.reply().code], [500, 250])
        self.assertGreaterEqual(time.monotonic() - begun, DELAY_S)
        mailrace.accepted_id(client.mail(CONTENT))

    def test_others_are_served_meanwhile(self):
        held = [self.client(self.server).hello() for _ in range(200)]
        begun = time.monotonic()
        for client in held:
            client.send(b"WIZ\r\n" + 1000 * b"MAIL FROM:<>\r\nRSET\r\n")
        with self.server.connect() as client:
            client.hello()
            mailrace.accepted_id(client.mail(CONTENT))
        for client in held:
            self.assertEqual(client.reply().code, 500)
            for _ in range(2000):
                self.assertEqual(client.reply().code, 250)
        self.assertGreaterEqual(time.monotonic() - begun, DELAY_S)

    def test_a_half_closed_client_hears_it(self):
        client = self.client(self.server).hello()
        client.send(b"WIZ\r\n")
        client.half_close()
        self.assertEqual(client.reply().code, 500)
        self.assertEqual(client.rest(), b"")

    def test_a_stop_does_not_wait_for_it(self):
        client = self.client(self.server).hello()
        client.send(b"WIZ\r\n")
        time.sleep(DELAY_S / 4)
        self.server.signal(15)
        self.assertEqual(client.reply().code, 421)
        self.assertEqual(client.rest(), b"")
        self.assertEqual(self.server.wait(), 0)


if __name__ == "__main__":
    mailrace.main()
