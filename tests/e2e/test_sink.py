#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""`mailrace sink`: SMTP, LMTP and BDAT dialogs, faults, ids of what arrived, what it notices."""

import contextlib
import json
import os
import socket
import sys
import threading
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "../support"))

import mailrace  # noqa: E402
import sink  # noqa: E402

BODY = b"Subject: x\r\n\r\n.dot\r\n..\r\ntext\r\n"
OPEN = ["MAIL FROM:<a@example.org>", "RCPT TO:<b@example.com>"]


class SinkTestCase(unittest.TestCase):
    def setUp(self):
        self.directory = self.enterContext(mailrace.Temporary())

    def sink(self, *flags, **options):
        return self.enterContext(sink.Sink(*flags, **options))

    def client(self, server):
        return self.enterContext(server.connect())

    def path(self, name):
        return os.path.join(self.directory, name)


class Dialogs(SinkTestCase):
    def test_what_arrives_is_what_was_sent(self):
        server = self.sink("--ids", self.path("ids"))
        client = self.client(server).hello()
        lines = []
        for number, trace in enumerate((b"", b"Received: from a\r\n\tby b\r\n", b"")):
            content, line = sink.with_id(number, BODY)
            mailrace.expect(client.mail(trace + content), 250)
            lines.append(line)
        content, line = sink.with_id(3, BODY)
        mailrace.expect(client.mail_in_chunks(content, (1, 7, 30)), 250)
        mailrace.expect(client.mail(BODY), 250)
        mailrace.expect(client.command("QUIT"), 221)
        self.assertEqual(client.rest(), b"")
        report = server.stop()
        self.assertEqual(sink.lines_of(self.path("ids")),
                         [*lines, line, f"-.{sink.crc32c(BODY):08x} {len(BODY)}"])
        self.assertEqual((report["messages"], report["without_id"], report["altered"]), (5, 1, 0))
        self.assertEqual(report["connections"], 1)

    def test_octet_by_octet_is_the_same(self):
        server = self.sink("--ids", self.path("ids"))
        content, line = sink.with_id(1, BODY)
        group = ("EHLO c\r\n" + "\r\n".join(OPEN) + "\r\nDATA\r\n").encode() \
            + mailrace.stuffed(content) + b".\r\n" + ("\r\n".join(OPEN)).encode() \
            + b"\r\nBDAT %d LAST\r\n" % len(content) + content + b"QUIT\r\n"
        transcripts = []
        for piece in (len(group), 1):
            client = self.client(server)
            for begin in range(0, len(group), piece):
                client.send(group[begin:begin + piece])
            transcripts.append(client.rest())
        self.assertEqual(transcripts[0], transcripts[1])
        end = b"250 2.0.0 ok\r\n221 2.0.0 closing connection\r\n"
        self.assertTrue(transcripts[0].endswith(end))
        self.assertEqual(server.stop()["messages"], 4)
        self.assertEqual(sink.lines_of(self.path("ids")), [line] * 4)

    def test_a_client_that_takes_no_replies_is_held_back(self):
        client = self.client(self.sink()).hello()
        count = 200_000
        sender = threading.Thread(target=client.send, args=(b"NOOP\r\n" * count,))
        sender.start()
        for _ in range(count):
            self.assertEqual(client.line(), "250 2.0.0 ok")
        sender.join()

    def test_lmtp_answers_each_recipient(self):
        path = self.path("lmtp.socket")
        server = self.sink("--protocol", "lmtp", listen=("127.0.0.1:0", f"unix:{path}"))
        with socket.socket(socket.AF_UNIX) as local:
            local.settimeout(mailrace.PATIENCE_S)
            local.connect(path)
            local.sendall(b"LHLO c\r\n" + "\r\n".join(OPEN).encode() + b"\r\nRCPT TO:<c@d>\r\n"
                          b"RCPT TO:<\r\nDATA\r\nx\r\n.\r\nQUIT\r\n")
            said = b""
            while octets := local.recv(1 << 16):
                said += octets
        codes = [line[:3] for line in said.decode().splitlines()]
        self.assertEqual(codes[-8:], ["250", "250", "250", "501", "354", "250", "250", "221"])
        client = self.client(server)
        mailrace.expect(client.reply(), 220)
        mailrace.expect(client.command("EHLO c"), 500)
        mailrace.expect(client.command("LHLO c"), 250)
        client.commands(*OPEN, "RCPT TO:<c@example.com>")
        client.send(b"BDAT 3 LAST\r\nx\r\n")
        self.assertEqual([client.reply().code for _ in range(2)], [250, 250])
        self.assertEqual(server.stop()["messages"], 2)
        self.assertFalse(os.path.exists(path))


class Ends(SinkTestCase):
    def load(self, server, *flags):
        host, port = server.address
        status, out, err = mailrace.run("load", "--target", f"{host}:{port}", "--json",
                                        "--connections", "8", "--allow-generator-limit", *flags)
        self.assertEqual((status, err), (0, ""), out)
        return json.loads(out)

    def test_it_takes_all_that_load_sends(self):
        server = self.sink("--workers", "2")
        for flags in (("--messages", "2000", "--messages-per-connection", "3"),
                      ("--messages", "300", "--size", "300KiB", "--no-pipelining")):
            self.load(server, *flags)
        report = server.stop()
        self.assertEqual(report["messages"], 2300)
        self.assertEqual(report["bytes"], (2000 * 4 + 300 * 300) << 10)
        self.assertEqual(report["dropped"], 0)

    def test_it_ends_after_so_many_messages(self):
        server = self.sink("--messages", "100", "--workers", "2")
        self.load(server, "--messages", "100")
        self.assertEqual(server.wait()["messages"], 100)

    def test_it_ends_after_a_time(self):
        self.assertEqual(self.sink("--duration", "1ms").wait()["messages"], 0)

    def test_bad_flags_are_one_line(self):
        for flags, line in (
                (("--listen", "unix:"), "--listen: 'unix:' is not allowed (allowed: ADDRESS:PORT"),
                (("--reply", "rcpt:10:250"), "--reply: 'rcpt:10:250' is not allowed (no such"),
                (("--close", "rcpt:60", "--reset", "rcpt:60"), "more than 100 percent"),
                (("--received", "x"), "--received needs --verify"),
                (("--listen", "unix:/nowhere/socket"), "No such file or directory"),
                (("--listen", "127.0.0.1:0", "--ids", "/nowhere/ids"),
                 "--ids: /nowhere/ids: No such file or directory")):
            with self.subTest(flags=flags):
                status, out, err = mailrace.run("sink", *flags)
                self.assertEqual((status, out, err.count("\n")), (2, "", 1), err)
                self.assertIn(line, err)

    def test_an_address_in_use_is_one_line(self):
        host, port = self.sink().address
        status, out, err = mailrace.run("sink", "--listen", f"{host}:{port}")
        self.assertEqual((status, out), (2, ""))
        self.assertEqual(err, f"mailrace sink: --listen: {host}:{port}: Address already in use\n")


class Faults(SinkTestCase):
    def test_replies_closes_and_resets(self):
        server = self.sink("--reply", "rcpt:100:450", "--delay", "mail:10ms")
        replies = self.client(server).hello().commands(*OPEN, "DATA")
        self.assertEqual([reply.code for reply in replies], [250, 450, 554])
        faults = server.stop()["faults"]
        self.assertEqual((faults["rcpt"]["reply"], faults["mail"]["delay"]), (1, 1))

        server = self.sink("--close", "mail:100")
        client = self.client(server).hello()
        client.send(b"NOOP\r\n" + OPEN[0].encode() + b"\r\n")
        self.assertEqual(client.rest(), b"250 2.0.0 ok\r\n")
        client.socket.sendall(b"x" * 100_000)  # is read: no reset
        client.half_close()
        self.assertEqual(server.stop()["faults"]["mail"]["close"], 1)

        server = self.sink("--reset", "data:100")
        client = self.client(server).hello()
        for line in OPEN:
            mailrace.expect(client.command(line), 250)
        client.send(b"DATA\r\n")
        with self.assertRaises(ConnectionResetError):
            client.socket.recv(1)
        self.assertEqual(server.stop()["faults"]["data"]["reset"], 1)

    def test_a_reset_takes_no_reply_with_it_that_counts(self):
        server = self.sink("--reset", "message:50", "--seed", "3")
        transaction = "".join(line + "\r\n" for line in (*OPEN, "BDAT 3 LAST", "x")).encode()
        taken = 0
        for _ in range(20):
            client = self.client(server).hello()
            client.send(8 * transaction)
            said = b""
            with contextlib.suppress(ConnectionResetError):
                while octets := client.socket.recv(1 << 16):
                    said += octets
            taken += said.count(b"250 ") // 3
        report = server.stop()
        self.assertGreater(report["messages"], 0)
        self.assertEqual(report["messages"], taken)

    def test_a_delay_holds_back_what_follows(self):
        server = self.sink("--delay", "rcpt:20ms", "--delay", "banner:20ms")
        client = self.client(server).hello()
        content = b"x" * 300_000
        mailrace.expect(client.mail_in_chunks(content, (100_000,)), 250)
        report = server.stop()
        self.assertEqual(report["bytes"], len(content))
        self.assertEqual(report["faults"]["rcpt"]["delay"], 1)
        self.assertEqual(report["faults"]["banner"]["delay"], 1)

    def test_the_seed_decides(self):
        def codes(seed):
            server = self.sink("--reply", "message:50:451", "--seed", seed)
            client = self.client(server).hello()
            said = [client.mail(b"x\r\n").code for _ in range(40)]
            report = server.stop()
            self.assertEqual(report["messages"], said.count(250))
            self.assertEqual(report["faults"]["message"]["reply"], said.count(451))
            return said
        first = codes("7")
        self.assertEqual(set(first), {250, 451})
        self.assertEqual(codes("7"), first)
        self.assertNotEqual(codes("8"), first)


class MiddleMan(threading.Thread):
    """A server that says 250 and passes mail on to a sink; what it does to each is by its index."""

    def __init__(self, target, deeds):
        super().__init__(daemon=True)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = self.listener.getsockname()
        self.target = target
        self.deeds = deeds
        self.start()

    def run(self):
        with self.listener:
            accepted, _ = self.listener.accept()
        with accepted, accepted.makefile("rwb") as stream, mailrace.Client(self.target) as out:
            out.hello()
            self.talk(stream, out)

    def talk(self, stream, out):
        def say(text):
            stream.write(text + b"\r\n")
            stream.flush()
        say(b"220 middle")
        while line := stream.readline():
            if line == b"QUIT\r\n":
                return say(b"221 bye")
            say(b"354 go on" if line == b"DATA\r\n" else b"250 ok")
            if line == b"DATA\r\n":
                content = b""
                while (line := stream.readline()) != b".\r\n":
                    content += line.removeprefix(b".")
                self.deliver(out, content)
                say(b"250 ok")

    def deliver(self, out, content):
        deed = self.deeds.pop(0)
        if deed == "alter":
            content = content.replace(b"text", b"tExt")
        if deed != "drop":
            mailrace.expect(out.mail(b"Received: by middle\r\n" + content), 250)
        if deed == "double":
            mailrace.expect(out.mail(content), 250)


class Verify(SinkTestCase):
    def pass_on(self, server, deeds):
        """Sends a mail for each deed through the man in the middle. Returns their lines."""
        middle = MiddleMan(server.address, list(deeds))
        lines = []
        with mailrace.Client(middle.address) as client:
            client.hello()
            for number in range(len(deeds)):
                content, line = sink.with_id(number, BODY)
                mailrace.expect(client.mail(content), 250)
                lines.append(line)
            client.command("QUIT")
        middle.join()
        return lines

    def test_what_a_server_in_between_does_is_noticed(self):
        acked, ids = self.path("acked"), self.path("ids")
        server = self.sink("--verify", acked, "--ids", ids)
        lines = self.pass_on(server, ["", "drop", "double", "alter", "", "unacknowledged"])
        sink.write_lines(acked, lines[:5])
        found = server.stop(status=1)["verify"]
        expected = {"acknowledged": 5, "arrived": 6, "lost": 1, "double": 1, "altered": 1,
                    "unknown": 1}
        self.assertEqual({name: found[name] for name in expected}, expected)
        self.assertEqual(found["examples"], {
            "lost": [lines[1][:33]], "double": [lines[2][:33]], "altered": [lines[3][:33]],
            "unknown": [lines[5][:33]]})
        status, out, err = mailrace.run("sink", "--verify", acked, "--received", ids, "--json")
        self.assertEqual((status, json.loads(out), err), (1, found, ""))

    def test_nothing_wrong_is_status_0(self):
        acked, ids = self.path("acked"), self.path("ids")
        server = self.sink("--verify", acked, "--ids", ids)
        sink.write_lines(acked, self.pass_on(server, ["", ""]))
        self.assertEqual(server.stop()["verify"]["arrived"], 2)
        status, out, _ = mailrace.run("sink", "--verify", acked, "--received", ids)
        self.assertEqual(status, 0, out)
        self.assertIn("lost       0\n", out)

    def test_what_load_was_told_is_what_arrived(self):
        acked = self.path("acked")
        server = self.sink("--verify", acked, "--workers", "2", "--reply", "message:10:451")
        host, port = server.address
        mailrace.run("load", "--target", f"{host}:{port}", "--ids", acked, "--messages", "500",
                     "--connections", "8", "--quiet")
        found = server.stop()["verify"]
        self.assertGreater(found["acknowledged"], 0)
        self.assertEqual(found["acknowledged"], found["arrived"])

    def test_files_that_are_none_are_one_line(self):
        sink.write_lines(self.path("bad"), ["nothing"])
        status, out, err = mailrace.run("sink", "--verify", self.path("bad"), "--received",
                                        self.path("none"))
        self.assertEqual((status, out, err.count("\n")), (2, "", 1), err)
        server = self.sink("--verify", self.path("bad"))
        server.stop(status=2)
        self.assertIn(f"--verify: {self.path('bad')}:1: no line RUN.NUMBER.CRC SIZE",
                      server.stderr())


if __name__ == "__main__":
    mailrace.main()
