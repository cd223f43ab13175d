#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Prometheus's own tool reads the metrics, and finds nothing to complain about."""

import os
import socket
import subprocess
import sys
import urllib.request

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "../support"))

import mailrace  # noqa: E402
import messages  # noqa: E402

MAIL = b"Subject: x\r\n\r\nx\r\n"


class Promtool(mailrace.ServerTestCase):
    @classmethod
    def setUpClass(cls):
        # Unpacked, not installed: the package would start a server.
        with messages.locked():
            cls.promtool = os.path.join(messages.unpack("prometheus"), "usr/bin/promtool")

    def check(self, text):
        done = subprocess.run([self.promtool, "check", "metrics"], input=text, text=True,
                              capture_output=True, check=False, timeout=60)
        return done.returncode, done.stdout + done.stderr

    def test_it_is_content(self):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            place = f"127.0.0.1:{probe.getsockname()[1]}"
        server = self.serve("--metrics-listen", place, workers=2)
        with server.connect() as client:
            client.hello()
            mailrace.accepted_id(client.mail(MAIL))
            mailrace.expect(client.command("MAIL"), 501)
        with urllib.request.urlopen(f"http://{place}/metrics",
                                    timeout=mailrace.PATIENCE_S) as answer:
            text = answer.read().decode()
        self.assertEqual(self.check(text), (0, ""))
        code, _ = self.check(text.replace("# TYPE mailrace_mails_total counter",
                                          "# TYPE mailrace_mails_total summary"))
        self.assertNotEqual(code, 0)
        status, by_socket, _ = mailrace.run("status", "--spool", self.spool, "--metrics")
        self.assertEqual((status, self.check(by_socket)), (0, (0, "")))


if __name__ == "__main__":
    mailrace.main()
