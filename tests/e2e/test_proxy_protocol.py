#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The PROXY protocol: whom a trusted proxy speaks for is whom the session is with."""

import os
import socket
import struct
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "../support"))

import mailrace  # noqa: E402
from sink import crc32c  # noqa: E402

CONTENT = b"Subject: x\r\n\r\ntext\r\n"
PROXY = "127.2.0.1"      # trusted
STRANGER = "127.3.0.1"   # not
FLAGS = ("--proxy-protocol-from", "127.2.0.0/16", "--proxy-protocol-from", "2001:db8::/32")

V1 = b"PROXY TCP4 192.0.2.1 203.0.113.5 4660 25\r\n"
V1_IPV6 = b"PROXY TCP6 2001:db8::1 2001:db8::2 4660 25\r\n"
ADDRESSES = socket.inet_aton("192.0.2.1") + socket.inet_aton("203.0.113.5") \
    + struct.pack(">HH", 4660, 25)
ADDRESSES_IPV6 = socket.inet_pton(socket.AF_INET6, "2001:db8::1") \
    + socket.inet_pton(socket.AF_INET6, "2001:db8::2") + struct.pack(">HH", 4660, 25)


def v2(command, family, block):
    return b"\r\n\r\n\0\r\nQUIT\n" + bytes([0x20 | command, family]) \
        + struct.pack(">H", len(block)) + block


def tlv(kind, value):
    return bytes([kind]) + struct.pack(">H", len(value)) + value


def with_checksum(difference=0):
    checksum = crc32c(v2(1, 0x11, ADDRESSES + tlv(3, bytes(4)))) ^ difference
    return v2(1, 0x11, ADDRESSES + tlv(3, struct.pack(">I", checksum)))


class ProxyProtocol(mailrace.ServerTestCase):
    def connect(self, server, source=PROXY):
        return self.client(server, source=source)

    def assert_silent(self, client):
        client.socket.settimeout(0.3)
        with self.assertRaises(TimeoutError):
            client.socket.recv(1)
        client.socket.settimeout(mailrace.PATIENCE_S)

    def assert_speaks_for(self, server, header, peer, family="", pieces=None):
        """A mail behind `header` is `peer`'s, in the spool, in its trace and in the log."""
        with self.connect(server) as client:
            self.assert_silent(client)
            for begin in range(0, len(header), pieces or len(header)):
                client.send(header[begin:begin + (pieces or len(header))])
                if pieces:
                    time.sleep(0.001)
            id_ = mailrace.accepted_id(client.hello().mail(CONTENT))
            line = server.wait_event("message", id=id_)
            via = "%s:%d" % client.socket.getsockname()
        self.assertEqual(line["peer"], peer)
        proxied = server.events("proxied")[-1]
        self.assertEqual((proxied["peer"], proxied["via"], proxied["by"]), (peer, via, "PROXY"))
        mail = [mail for mail in mailrace.exported(self.spool) if mail.id == id_][0]
        self.assertEqual(mail.peer, peer)
        address = peer.rsplit(":", 1)[0].strip("[]")
        self.assertIn(f"([{family}{address}])".encode(), mail.received)

    def test_version_1(self):
        server = self.serve(*FLAGS)
        self.assert_speaks_for(server, V1, "192.0.2.1:4660")
        self.assert_speaks_for(server, V1_IPV6, "[2001:db8::1]:4660", "IPv6:")
        self.assertEqual(server.events("proxied")[0]["destination"], "203.0.113.5:25")

    def test_version_2(self):
        server = self.serve(*FLAGS)
        self.assert_speaks_for(server, v2(1, 0x11, ADDRESSES), "192.0.2.1:4660")
        self.assert_speaks_for(server, v2(1, 0x21, ADDRESSES_IPV6), "[2001:db8::1]:4660", "IPv6:")
        tlvs = tlv(2, b"mx.example.com") + tlv(0x20, 3000 * b"x") + tlv(4, b"")
        self.assert_speaks_for(server, v2(1, 0x11, ADDRESSES + tlvs), "192.0.2.1:4660")
        self.assert_speaks_for(server, with_checksum(), "192.0.2.1:4660")

    def test_octet_by_octet(self):
        server = self.serve(*FLAGS)
        self.assert_speaks_for(server, V1, "192.0.2.1:4660", pieces=1)
        self.assert_speaks_for(server, with_checksum(), "192.0.2.1:4660", pieces=1)

    def test_an_ipv4_mapped_address_is_the_ipv4_address(self):
        server = self.serve(*FLAGS)
        mapped = socket.inet_pton(socket.AF_INET6, "::ffff:192.0.2.1")
        block = mapped + mapped + struct.pack(">HH", 4660, 25)
        self.assert_speaks_for(server, v2(1, 0x21, block), "192.0.2.1:4660")

    def test_what_keeps_the_sockets_address(self):
        server = self.serve(*FLAGS)
        for header in (b"PROXY UNKNOWN\r\n", b"PROXY UNKNOWN what ever\r\n", v2(0, 0, b""),
                       v2(0, 0x11, ADDRESSES), v2(1, 0, b"xyz"), v2(1, 0x31, 216 * b"x")):
            with self.connect(server) as client:
                client.send(header)
                id_ = mailrace.accepted_id(client.hello().mail(CONTENT))
                peer = "%s:%d" % client.socket.getsockname()
                self.assertEqual(server.wait_event("message", id=id_)["peer"], peer, header)
        self.assertEqual(server.events("proxied"), [])

    def test_octets_behind_the_header_belong_to_the_session(self):
        server = self.serve(*FLAGS)
        session = (b"EHLO client.example\r\nMAIL FROM:<a@example.org>\r\n"
                   b"RCPT TO:<user@example.com>\r\nDATA\r\n" + CONTENT + b".\r\nQUIT\r\n")
        for header in (V1, v2(1, 0x11, ADDRESSES), v2(0, 0, b"")):
            with self.connect(server) as client:
                client.send(header + session)
                self.assertEqual([client.reply().code for _ in range(7)],
                                 [220, 250, 250, 250, 354, 250, 221])
        server.stop()
        lines = [line["early_talker"] for line in server.events("message")]
        # Before the greeting, behind EHLO, behind DATA.
        self.assertEqual(lines, [3, 3, 3])

    def test_early_talkers_behind_the_header_can_be_refused(self):
        server = self.serve(*FLAGS, "--early-talker", "reject")
        with self.connect(server) as client:
            client.send(V1 + b"EHLO client.example\r\n")
            self.assertEqual((client.reply().code, client.rest()), (554, b""))
        self.assert_speaks_for(server, V1, "192.0.2.1:4660")

    def test_a_bad_header_is_closed_in_silence(self):
        server = self.serve(*FLAGS)
        reasons = {
            b"EHLO client.example\r\n": "signature",
            b"GET / HTTP/1.1\r\n\r\n": "signature",
            V1.replace(b"4660", b"04660"): "line",
            V1.replace(b"\r", b""): "line",
            b"PROXY TCP4 " + 200 * b"x": "line",
            v2(2, 0x11, ADDRESSES): "command",
            v2(1, 0x11, ADDRESSES[1:]): "length",
            v2(1, 0x11, ADDRESSES + b"\1"): "parameters",
            with_checksum(1): "checksum",
        }
        for header, reason in reasons.items():
            with self.connect(server) as client:
                client.send(header)
                self.assertEqual(client.rest(), b"", header)
                peer = "%s:%d" % client.socket.getsockname()
                line = server.wait_event("proxy_failure", peer=peer)
                self.assertEqual(line["reason"], reason, header)

    def test_a_header_that_does_not_come(self):
        server = self.serve(*FLAGS, "--timeout-proxy-header", "1s")
        began = time.monotonic()
        silent = self.connect(server)
        slow = self.connect(server)
        for octet in V1[:-1]:
            slow.send(bytes([octet]))
            time.sleep(0.01)
        self.assertEqual((silent.rest(), slow.rest()), (b"", b""))
        self.assertGreaterEqual(time.monotonic() - began, 1)
        for client in (silent, slow):
            peer = "%s:%d" % client.socket.getsockname()
            self.assertEqual(server.wait_event("proxy_failure", peer=peer)["reason"], "timeout")
        cut = self.connect(server)
        cut.send(V1[:20])
        cut.half_close()
        self.assertEqual(cut.rest(), b"")
        peer = "%s:%d" % cut.socket.getsockname()
        self.assertEqual(server.wait_event("proxy_failure", peer=peer)["reason"], "cut")

    def test_from_others_it_is_garbage(self):
        server = self.serve(*FLAGS)
        with self.connect(server, STRANGER) as client:
            self.assertEqual(client.reply().code, 220)
            client.send(V1)
            self.assertEqual(client.reply().code, 500)
            mailrace.expect(client.command("EHLO client.example"), 250)
            id_ = mailrace.accepted_id(client.mail(CONTENT))
        self.assertTrue(server.wait_event("message", id=id_)["peer"].startswith(STRANGER + ":"))
        with self.connect(server, STRANGER) as client:
            self.assertEqual(client.reply().code, 220)
            client.send(v2(1, 0x11, ADDRESSES) + b"\r\n")
            self.assertEqual(client.reply().code, 500)
        self.assertEqual(server.events("proxied"), [])

    def test_a_stop_does_not_wait_for_headers(self):
        server = self.serve(*FLAGS)
        client = self.connect(server)
        client.send(V1[:10])
        self.assertEqual(server.stop(timeout=5), 0)
        self.assertEqual(client.rest(), b"")


if __name__ == "__main__":
    mailrace.main()
