#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""XCLIENT: whom a trusted client speaks for is in the log, the trace and the envelope."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "../support"))

import mailrace  # noqa: E402

CONTENT = b"Subject: x\r\n\r\ntext\r\n"
FILTER = "127.2.0.1"
STRANGER = "127.3.0.1"
FLAGS = ("--xclient-from", FILTER)


class Xclient(mailrace.ServerTestCase):
    def setUp(self):
        super().setUp()
        self.server = self.serve(*FLAGS)

    def trusted(self):
        return self.client(self.server, source=FILTER).hello()

    def stored(self, client):
        """Sends a mail; its log line, and the mail."""
        id_ = mailrace.accepted_id(client.mail(CONTENT))
        line = self.server.wait_event("message", id=id_)
        return line, [mail for mail in mailrace.exported(self.spool) if mail.id == id_][0]

    def test_the_client_is_whom_it_says(self):
        client = self.trusted()
        mailrace.expect(client.command("XCLIENT NAME=client.example ADDR=192.0.2.1 PORT=4660 "
                                       "DESTADDR=203.0.113.5 DESTPORT=25"), 220)
        mailrace.expect(client.command("EHLO client.example"), 250)
        line, mail = self.stored(client)
        self.assertEqual((line["peer"], mail.peer), ("192.0.2.1:4660", "192.0.2.1:4660"))
        self.assertIn(b"from client.example ([192.0.2.1])", mail.received)
        proxied = self.server.wait_event("proxied")
        self.assertEqual({name: proxied.get(name) for name in
                          ("peer", "via", "by", "destination", "name")},
                         {"peer": "192.0.2.1:4660", "via": "%s:%d" % client.socket.getsockname(),
                          "by": "XCLIENT", "destination": "203.0.113.5:25",
                          "name": "client.example"})

    def test_helo_and_proto_stand_for_the_command(self):
        client = self.trusted()
        mailrace.expect(client.command("XCLIENT ADDR=IPV6:2001:db8::1 HELO=client.example "
                                       "PROTO=SMTP"), 220)
        line, mail = self.stored(client)
        self.assertEqual((line["peer"], line["helo"]), ("[2001:db8::1]:0", "client.example"))
        self.assertIn(b"from client.example ([IPv6:2001:db8::1])", mail.received)
        self.assertIn(b" with SMTP ", mail.received)

    def test_unavailable_leads_back_to_the_connection(self):
        client = self.trusted()
        mailrace.expect(client.command("XCLIENT ADDR=192.0.2.1 PORT=4660"), 220)
        mailrace.expect(client.command("XCLIENT ADDR=[UNAVAILABLE] PORT=[UNAVAILABLE]"), 220)
        mailrace.expect(client.command("EHLO client.example"), 250)
        line, _ = self.stored(client)
        self.assertEqual(line["peer"], "%s:%d" % client.socket.getsockname())

    def test_it_holds_for_the_rest_of_the_session(self):
        client = self.trusted()
        mailrace.expect(client.command("XCLIENT ADDR=192.0.2.1 PORT=1"), 220)
        for name in ("one.example", "two.example"):
            mailrace.expect(client.command(f"EHLO {name}"), 250)
            line, _ = self.stored(client)
            self.assertEqual(line["peer"], "192.0.2.1:1")
        mailrace.expect(client.command("XCLIENT ADDR=192.0.2.2 PORT=2"), 220)
        mailrace.expect(client.command("EHLO three.example"), 250)
        self.assertEqual(self.stored(client)[0]["peer"], "192.0.2.2:2")

    def test_it_is_offered_to_trusted_clients_only(self):
        for source, offered in ((FILTER, True), (STRANGER, False)):
            with self.client(self.server, source=source) as client:
                client.reply()
                lines = client.command("EHLO client.example").lines
                keywords = [line.split()[0] for line in lines]
                self.assertEqual("XCLIENT" in keywords, offered)
                reply = client.command("XCLIENT ADDR=192.0.2.1")
                self.assertEqual(reply.code, 220 if offered else 550)

    def test_in_a_group_of_commands(self):
        client = self.trusted()
        *replies, start = client.commands(
            "XCLIENT ADDR=192.0.2.1 PORT=4660 HELO=client.example PROTO=ESMTP",
            "MAIL FROM:<a@example.org>", "RCPT TO:<user@example.com>", "DATA")
        self.assertEqual([reply.code for reply in replies], [220, 250, 250])
        mailrace.expect(start, 354)
        client.send(b".\r\n")
        id_ = mailrace.accepted_id(client.reply())
        self.assertEqual(self.server.wait_event("message", id=id_)["peer"], "192.0.2.1:4660")


if __name__ == "__main__":
    mailrace.main()
