#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""A running server, seen from outside: status, top, and what Prometheus gets."""

import json
import os
import re
import socket
import sys
import time
import urllib.error
import urllib.request

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "../support"))

import mailrace  # noqa: E402

MAIL = b"Subject: x\r\n\r\nx\r\n"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Status(mailrace.ServerTestCase):
    def status(self):
        code, out, err = mailrace.run("status", "--spool", self.spool, "--json")
        self.assertEqual((code, err), (0, ""))
        return json.loads(out)

    def wait_for(self, holds):
        deadline = time.monotonic() + mailrace.PATIENCE_S
        while not holds(self.status()):
            self.assertLess(time.monotonic(), deadline, self.status())
            time.sleep(0.02)

    def test_counts_what_happens(self):
        server = self.serve("--limit", "127.0.0.0/8,limits=none", workers=2)
        with server.connect() as client:
            client.hello()
            mailrace.accepted_id(client.mail(MAIL))
            mailrace.expect(client.command("MAIL FROM:<a@example.net>"), 250)
            mailrace.expect(client.command("RCPT TO:<b@elsewhere.example>"), 550)
            mailrace.expect(client.command("RCPT TO:<b@example.com>"), 250)
            mailrace.expect(client.command("DATA"), 354)
            self.wait_for(lambda status: (status["connections"], status["transactions"]) == (1, 1))
            client.send(MAIL + b".\r\n")
            mailrace.accepted_id(client.reply())
            status = self.status()
            self.assertEqual(status["pid"], server.process.pid)
            self.assertEqual(status["state"], "serving")
            self.assertEqual(status["mails_total"], 2)
            self.assertEqual(status["mail_bytes_total"], 2 * len(MAIL))
            self.assertEqual(status["replies"]["relay_denied"], 1)
            self.assertEqual(status["replies"]["mail_accepted"], 2)
            self.assertEqual(status["stages"]["sync"]["count"], 2)
            self.assertEqual(status["busy_networks"][0]["network"], "127.0.0.0/24")
            self.assertEqual(len(status["workers"]), 2)
            self.assertEqual(status["strain"], "none")
            self.assertGreater(status["memory_bytes"], 1 << 20)
        self.wait_for(lambda status: status["connections"] == 0)
        code, out, err = mailrace.run("status", "--spool", self.spool)
        self.assertEqual((code, err), (0, ""))
        self.assertIn("2 accepted", out)
        code, out, err = mailrace.run("spool", "stats", self.spool)
        self.assertEqual((code, err), (0, ""))
        self.assertIn("taking mail: 0 connections, 2 mails so far", out)
        code, out, _ = mailrace.run("spool", "stats", "--json", self.spool)
        self.assertEqual(json.loads(out)["server"]["mails_total"], 2)

    def test_draining_can_be_seen(self):
        server = self.serve()
        with server.connect() as client:
            client.hello()
            mailrace.expect(client.command("MAIL FROM:<a@example.net>"), 250)
            mailrace.expect(client.command("RCPT TO:<b@example.com>"), 250)
            mailrace.expect(client.command("DATA"), 354)
            server.signal(15)
            self.wait_for(lambda status: status["state"] == "draining")
            client.send(MAIL + b".\r\n")
            mailrace.accepted_id(client.reply())
        self.assertEqual(server.wait(), 0)
        self.assertFalse(os.path.exists(os.path.join(self.spool, "status.socket")))
        code, out, err = mailrace.run("status", "--spool", self.spool)
        self.assertEqual((code, out), (1, ""))
        self.assertIn("no server that may be asked", err)
        code, out, _ = mailrace.run("spool", "stats", "--json", self.spool)
        self.assertEqual((code, json.loads(out)["server"]), (0, None))

    def test_top(self):
        server = self.serve()
        with server.connect() as client:
            client.hello()
            mailrace.accepted_id(client.mail(MAIL))
            code, out, err = mailrace.run("top", "--spool", self.spool, "--interval", "100ms",
                                          "--views", "3")
        self.assertEqual((code, err), (0, ""))
        self.assertEqual(out.count("mailrace, up for"), 3)
        self.assertNotIn("\x1b", out)  # it is no terminal
        self.assertIn("1 open", out)
        self.assertEqual(mailrace.run("top")[0], 2)
        self.assertEqual(mailrace.run("top", "--spool", self.directory)[0], 1)

    def test_clients_that_only_wait_keep_nobody_out_for_long(self):
        self.serve()
        silent = []
        for _ in range(40):
            one = self.enterContext(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
            one.settimeout(0.2)
            try:
                one.connect(os.path.join(self.spool, "status.socket"))
            except (BlockingIOError, TimeoutError):
                break  # the backlog is full
            silent.append(one)
        self.assertGreaterEqual(len(silent), 16)
        self.wait_until_answered()

    def wait_until_answered(self):
        deadline = time.monotonic() + 2 * mailrace.PATIENCE_S
        while mailrace.run("status", "--spool", self.spool, timeout=60)[0] != 0:
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.2)


class Metrics(mailrace.ServerTestCase):
    def setUp(self):
        super().setUp()
        self.port = free_port()

    def get(self, path="/metrics", method="GET"):
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", method=method)
        with urllib.request.urlopen(request, timeout=mailrace.PATIENCE_S) as answer:
            self.assertTrue(answer.headers["Content-Type"].startswith("text/plain; version=0.0.4"))
            return answer.read().decode()

    def test_prometheus_gets_what_it_understands(self):
        server = self.serve("--metrics-listen", f"127.0.0.1:{self.port}", workers=2)
        with server.connect() as client:
            client.hello()
            mailrace.accepted_id(client.mail(MAIL))
        text = self.get()
        self.assertIn("\nmailrace_mails_total 1\n", text)
        self.assertIn('\nmailrace_stage_seconds_count{stage="sync"} 1\n', text)
        self.assertNotIn("mailrace_network_connections", text)
        for line in text.splitlines():
            self.assertRegex(line, r"^(# (HELP|TYPE) mailrace_\w+ .+|"
                                   r'mailrace_\w+(\{\w+="[^"]*"(,\w+="[^"]*")*\})? \S+)$')
        self.assertEqual(self.get(method="HEAD"), "")
        for path, method, code in (("/other", "GET", 404), ("/metrics", "POST", 405)):
            with self.assertRaises(urllib.error.HTTPError) as failed:
                self.get(path, method)
            self.assertEqual(failed.exception.code, code)
            failed.exception.close()

    def test_every_metric_is_documented(self):
        self.serve("--metrics-listen", f"127.0.0.1:{self.port}")
        names = re.findall(r"(?m)^# TYPE (\w+) (\w+)$", self.get())
        root = os.path.join(os.path.dirname(os.path.realpath(__file__)), "../..")
        with open(os.path.join(root, "net/METRICS.md"), encoding="utf-8") as file:
            rows = re.findall(r"(?m)^\| `(mailrace_\w+)(?:\{[^}]*\})?` \| (\w+) \|", file.read())
        documented = dict(rows)
        del documented["mailrace_network_connections"]  # by the socket only
        self.assertEqual(dict(names), documented)
        with open(os.path.join(root, "tools/package/grafana.json"), encoding="utf-8") as file:
            shown = set(re.findall(r"mailrace_\w+", file.read()))
        known = set(dict(names))
        for name in shown:
            self.assertIn(re.sub("_(bucket|sum|count)$", "", name) if name not in known else name,
                          known)

    def test_a_port_that_is_taken(self):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", self.port))
            taken.listen()
            code, out, err = mailrace.run(
                "serve", "--spool", self.spool, "--domain", "example.com", "--listen",
                "127.0.0.1:0", "--metrics-listen", f"127.0.0.1:{self.port}")
        self.assertEqual(code, 2)
        self.assertIn("--metrics-listen", err)
        self.assertEqual(err.count("\n"), 1)


if __name__ == "__main__":
    mailrace.main()
