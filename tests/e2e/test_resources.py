#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Out of receive buffers: counted, and over as soon as there are some."""

import contextlib
import json
import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "../support"))

import mailrace  # noqa: E402

BUFFERS = 128  # of a worker


class Resources(mailrace.ServerTestCase):
    def status(self):
        code, out, err = mailrace.run("status", "--spool", self.spool, "--json")
        self.assertEqual((code, err), (0, ""))
        return json.loads(out)

    def wait_for(self, holds):
        deadline = time.monotonic() + mailrace.PATIENCE_S
        while not holds(self.status()):
            self.assertLess(time.monotonic(), deadline, self.status())
            time.sleep(0.05)

    def test_out_of_receive_buffers(self):
        server = self.serve()
        # Each talks on without reading, until two buffers of its wait for it to read.
        deaf = [self.client(server, receive_buffer=2048) for _ in range(BUFFERS)]
        for client in deaf:
            client.send(b"EHLO client.example\r\n")
            client.socket.setblocking(False)
        pair = b"MAIL FROM:<a@example.net>\r\nRSET\r\n"
        deadline = time.monotonic() + mailrace.PATIENCE_S
        while self.status()["buffer_starvations_total"] == 0:
            self.assertLess(time.monotonic(), deadline, self.status())
            for client in deaf:
                with contextlib.suppress(BlockingIOError, ConnectionError):
                    client.socket.send(2000 * pair)
        with server.connect() as client:  # others are served
            mailrace.accepted_id(client.hello().mail(b"Subject: y\r\n\r\n"))
        for client in deaf:
            client.reset()
        self.wait_for(lambda status: status["workers"][0]["receive_buffers_lent"] == 0)
        self.wait_for(lambda status: status["connections"] == 0)
        with server.connect() as client:
            mailrace.accepted_id(client.hello().mail(b"Subject: y\r\n\r\n"))


if __name__ == "__main__":
    mailrace.main()
