#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a client may have of the server, whichever worker its connections land on."""

import os
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "../support"))

import mailrace  # noqa: E402

MAIL = b"Subject: x\r\n\r\nx\r\n"
CONNECTIONS = "too many connections from your network, try again later"


def open_sockets(server):
    """Connections that the server has open, as the kernel sees them."""
    _, port = server.address
    with open("/proc/net/tcp", encoding="ascii") as file:
        rows = [line.split() for line in list(file)[1:]]
    established, close_wait = "01", "08"
    return sum(1 for row in rows if int(row[1].split(":")[1], 16) == port
               and row[3] in (established, close_wait))


class Limits(mailrace.ServerTestCase):
    def limited(self, *limits, flags=(), **options):
        values = [word for limit in limits for word in ("--limit", limit)]
        return self.serve(*values, *flags, workers=2, **options)

    def connect(self, server, source="127.0.0.1"):
        """Returns a client and the first line that it got."""
        client = self.enterContext(mailrace.Client(server.address, source=source))
        return client, client.reply()

    def accepted(self, server, source="127.0.0.1"):
        client, greeting = self.connect(server, source)
        self.assertEqual(greeting.code, 220, greeting)
        mailrace.expect(client.command("EHLO client.example"), 250)
        return client

    def accepted_in_time(self, server, source):
        """As accepted(), once the end of others was seen."""
        deadline = time.monotonic() + mailrace.PATIENCE_S
        while True:
            client, greeting = self.connect(server, source)
            if greeting.code == 220:
                mailrace.expect(client.command("EHLO client.example"), 250)
                return client
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.01)

    def refused(self, server, text, source="127.0.0.1", code="421 4.7.0"):
        client, greeting = self.connect(server, source)
        self.assertEqual(str(greeting).rstrip(), f"{code} {text}")
        self.assertEqual(client.rest(), b"")

    def expect_log(self, server, limit, count, peer="127.0.0.1"):
        deadline = time.monotonic() + mailrace.PATIENCE_S
        while True:
            lines = [line for line in server.events("client_limited") if line["limit"] == limit]
            if sum(line["count"] for line in lines) >= count:
                break
            self.assertLess(time.monotonic(), deadline, lines)
            time.sleep(0.05)
        self.assertEqual(sum(line["count"] for line in lines), count)
        for line in lines:
            self.assertTrue(line["last_peer"].startswith(peer + ":"), line)

    def test_concurrent(self):
        server = self.limited("127.0.0.0/8,concurrent=3", "127.0.0.0/8,each=24,concurrent=5")
        clients = [self.accepted(server) for _ in range(3)]
        for _ in range(6):
            self.refused(server, CONNECTIONS)
        others = [self.accepted(server, "127.0.0.2") for _ in range(2)]
        self.refused(server, CONNECTIONS, "127.0.0.2")  # five of the /24
        self.accepted(server, "127.0.1.1")
        mailrace.expect(clients[0].command("QUIT"), 221)
        clients[0].close()
        others[0].reset()
        self.accepted_in_time(server, "127.0.0.1")
        mailrace.accepted_id(self.accepted_in_time(server, "127.0.0.2").mail(MAIL))
        self.assertEqual(server.stop(), 0)
        # Each worker counts its own.
        count = sum(line["count"] for line in server.events("client_limited"))
        self.assertGreaterEqual(count, 7)

    def test_half_open(self):
        server = self.limited("127.0.0.0/8,half-open=2")
        first, second = self.accepted(server), self.accepted(server)
        mailrace.expect(first.command("EHLO client.example"), 250)
        mailrace.expect(first.command("RSET"), 250)
        self.refused(server, CONNECTIONS)
        mailrace.accepted_id(first.mail(MAIL))  # from here on it is none
        third = self.accepted(server)
        self.refused(server, CONNECTIONS)
        self.accepted(server, "127.0.0.2")
        first.close()
        self.refused(server, CONNECTIONS)
        second.reset()
        mailrace.accepted_id(self.accepted_in_time(server, "127.0.0.1").mail(MAIL))
        mailrace.accepted_id(third.mail(MAIL))
        self.assertEqual(server.stop(), 0)
        self.assertIn("half-open", {line["limit"] for line in server.events("client_limited")})

    def test_connections(self):
        server = self.limited("127.0.0.0/8,connections=5/1h")
        for _ in range(5):
            self.accepted(server).close()
        for _ in range(3):
            self.refused(server, CONNECTIONS)
        self.accepted(server, "127.0.0.2")
        self.expect_log(server, "connections", 3)

    def test_rates_come_back(self):
        server = self.limited("127.0.0.0/8,connections=2/6s")
        self.accepted(server)
        self.accepted(server)
        self.refused(server, CONNECTIONS)
        time.sleep(3.2)
        self.accepted(server)

    def test_messages(self):
        server = self.limited("127.0.0.0/8,messages=3/1h")
        with self.accepted(server) as client:
            mailrace.accepted_id(client.mail(MAIL))
            mailrace.accepted_id(client.mail(MAIL))
        with self.accepted(server) as client:
            mailrace.accepted_id(client.mail(MAIL))
            reply = client.command("MAIL FROM:<a@example.org>")
            self.assertEqual(
                str(reply).rstrip(),
                "450 4.7.1 too many messages from your network, try again later")
            mailrace.expect(client.command("NOOP"), 250)
        with self.accepted(server, "127.0.0.2") as client:
            mailrace.accepted_id(client.mail(MAIL))
        self.expect_log(server, "messages", 1)

    def test_recipients(self):
        server = self.limited("127.0.0.0/8,recipients=4/1h")
        client = self.accepted(server)
        mailrace.expect(client.command("MAIL FROM:<a@example.org>"), 250)
        for _ in range(4):
            mailrace.expect(client.command("RCPT TO:<b@example.com>"), 250)
        reply = client.command("RCPT TO:<c@example.com>")
        self.assertEqual(str(reply).rstrip(),
                         "450 4.7.1 too many recipients from your network, try again later")
        # What was accepted is delivered.
        mailrace.expect(client.command("DATA"), 354)
        client.send(MAIL + b".\r\n")
        mailrace.accepted_id(client.reply())
        self.expect_log(server, "recipients", 1)

    def test_unknown_recipients(self):
        server = self.limited("127.0.0.0/8,unknown-recipients=3/1h")
        text = "too many unknown recipients, try again later"
        client = self.accepted(server)
        mailrace.expect(client.command("MAIL FROM:<a@example.org>"), 250)
        mailrace.expect(client.command("RCPT TO:<known@example.com>"), 250)
        for _ in range(3):
            mailrace.expect(client.command("RCPT TO:<x@elsewhere.example>"), 550)
        reply = client.command("RCPT TO:<x@elsewhere.example>")
        self.assertEqual(str(reply).rstrip(), "421 4.7.0 " + text)
        self.assertEqual(client.rest(), b"")
        self.refused(server, text)
        self.accepted(server, "127.0.0.2")
        self.expect_log(server, "unknown-recipients", 2)

    def test_errors(self):
        server = self.limited("127.0.0.0/8,errors=5/1h")
        client = self.accepted(server)
        for _ in range(6):
            mailrace.expect(client.command("NONSENSE"), 500)
        mailrace.expect(client.command("QUIT"), 221)
        client.rest()
        self.refused(server, "too many errors")
        self.accepted(server, "127.0.0.2")

    def test_who_is_refused_for_our_sake_has_made_no_error(self):
        server = self.limited("127.0.0.0/8,errors=5/1h,messages=1/1h")
        client = self.accepted(server)
        mailrace.accepted_id(client.mail(MAIL))
        for _ in range(20):
            mailrace.expect(client.command("MAIL FROM:<a@example.org>"), 450)
        mailrace.expect(client.command("QUIT"), 221)
        client.rest()
        self.accepted(server)

    def test_handshakes(self):
        flags = (*mailrace.tls_flags(), "--listen-tls", "127.0.0.1:0")
        server = self.limited("127.0.0.0/8,handshakes=2/1h", flags=flags)
        text = "too many TLS handshakes, try again"
        for _ in range(2):
            client = self.enterContext(mailrace.Client(server.address))
            client.start_tls()
            mailrace.expect(client.command("EHLO client.example"), 250)
        self.refused(server, text)
        with mailrace.Client(server.addresses[1]) as client:
            self.assertEqual(client.rest(), b"", "no handshake only to say no")
        self.expect_log(server, "handshakes", 2)

    def test_smallest_network_counts(self):
        server = self.limited("any,concurrent=1", "127.0.0.2/32,limits=none",
                              "127.0.0.3/32,concurrent=2")
        self.accepted(server)
        self.refused(server, CONNECTIONS)
        for _ in range(4):
            self.accepted(server, "127.0.0.2")
        for _ in range(2):
            self.accepted(server, "127.0.0.3")
        self.refused(server, CONNECTIONS, "127.0.0.3")

    def test_clients_behind_a_proxy(self):
        server = self.limited("192.0.2.0/24,concurrent=1", flags=("--proxy-protocol-from",
                                                                   "127.0.0.1"))

        def connect(address):
            client = self.enterContext(mailrace.Client(server.address))
            client.send(f"PROXY TCP4 {address} 198.51.100.1 1000 25\r\n".encode())
            return client.reply().code

        self.assertEqual(connect("192.0.2.1"), 220)
        self.assertEqual(connect("192.0.2.1"), 421)
        self.assertEqual(connect("192.0.2.2"), 220)
        self.assertEqual(connect("203.0.113.1"), 220)

    def test_xclient(self):
        server = self.limited("192.0.2.0/24,messages=1/1h", flags=("--xclient-from", "127.0.0.1"))
        client = self.accepted(server)
        for address, code in (("192.0.2.1", 250), ("192.0.2.1", 450), ("192.0.2.2", 250)):
            mailrace.expect(client.command(f"XCLIENT ADDR={address}"), 220)
            mailrace.expect(client.command("EHLO client.example"), 250)
            mailrace.expect(client.command("MAIL FROM:<a@example.org>"), code)
            mailrace.expect(client.command("RSET"), 250)

    def test_errors_in_one_session(self):
        """Mails in between do not help."""
        server = self.limited("127.0.0.0/8,errors=5/1h")
        client = self.accepted(server)
        for _ in range(2):
            for _ in range(4):
                mailrace.expect(client.command("NONSENSE"), 500)
            mailrace.accepted_id(client.mail(MAIL))
        mailrace.expect(client.command("NONSENSE"), 500)
        mailrace.accepted_id(client.mail(MAIL))
        reply = client.command("MAIL FROM:<a@example.org>")
        self.assertEqual(str(reply).rstrip(), "421 4.7.0 too many errors")

    def test_errors_are_those_of_who_made_them(self):
        server = self.limited("192.0.2.0/24,errors=5/1h", flags=("--xclient-from", "127.0.0.1"))
        client = self.accepted(server)
        mailrace.expect(client.command("XCLIENT ADDR=192.0.2.1"), 220)
        for _ in range(8):
            mailrace.expect(client.command("NONSENSE"), 500)
        mailrace.expect(client.command("XCLIENT ADDR=192.0.2.2"), 220)
        mailrace.expect(client.command("QUIT"), 221)
        client.rest()
        self.assertEqual(self.proxied_code(server, "192.0.2.2"), 220)

    def proxied_code(self, server, address):
        client = self.accepted(server)
        mailrace.expect(client.command(f"XCLIENT ADDR={address}"), 220)
        mailrace.expect(client.command("EHLO client.example"), 250)
        return 220

    def test_who_is_refused_keeps_no_place(self):
        """Not even if he does not close."""
        server = self.limited("127.0.0.0/8,concurrent=1")
        self.accepted(server)
        client, greeting = self.connect(server)
        self.assertEqual(greeting.code, 421)
        client.socket.settimeout(3)  # less than --timeout-linger
        self.assertEqual(client.rest(), b"")
        deadline = time.monotonic() + 3
        while open_sockets(server) > 1:
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.02)

    def test_defaults(self):
        """From this machine nobody is refused, from elsewhere who has a hundred connections, or
        fifty without a mail."""
        server = self.serve("--proxy-protocol-from", "127.0.0.9")
        for _ in range(120):
            self.accepted(server)

        def connect(address):
            client = self.enterContext(mailrace.Client(server.address, source="127.0.0.9"))
            client.send(f"PROXY TCP4 {address} 198.51.100.1 1000 25\r\n".encode())
            clients.append(client)
            return client.reply().code

        for _ in range(2):
            clients = []
            self.assertEqual([connect("192.0.2.1") for _ in range(50)], [220] * 50)
            self.assertEqual(connect("192.0.2.1"), 421)
            self.assertEqual(connect("192.0.2.2"), 220)
            for client in clients[:50]:
                mailrace.expect(client.command("EHLO client.example"), 250)
                mailrace.expect(client.command("MAIL FROM:<>"), 250)
        self.assertEqual(connect("192.0.2.1"), 421)
        self.assertEqual(connect("192.0.2.2"), 220)

    def test_mistakes(self):
        for value, what in {
                "any": "no limit is given",
                "any,concurrent=0": "concurrent takes 1 to 1000000",
                "10.0.0.1/8,concurrent=1": "bits behind the prefix are set"}.items():
            done = subprocess.run([mailrace.PROGRAM, "serve", "--domain", "example.com", "--spool",
                                   self.spool, "--limit", value, "--check"], capture_output=True,
                                  text=True, env=mailrace.clean_environment(), check=False)
            self.assertEqual(done.returncode, 2)
            self.assertIn("--limit", done.stderr)
            self.assertIn(what, done.stderr)
            self.assertEqual(done.stderr.count("\n"), 1)
        twice = ("any,concurrent=1", "0.0.0.0/0,messages=1/1s")
        done = subprocess.run([mailrace.PROGRAM, "serve", "--domain", "example.com", "--spool",
                               self.spool, *(w for v in twice for w in ("--limit", v)), "--check"],
                              capture_output=True, text=True, env=mailrace.clean_environment(),
                              check=False)
        self.assertEqual(done.returncode, 2)
        self.assertIn("the same network and each is given twice", done.stderr)


if __name__ == "__main__":
    mailrace.main()
