#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""What `mailrace load` can be told to send, and how: proven by what a server has in the end."""

import ipaddress
import json
import os
import re
import socketserver
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "../support"))

import mailrace  # noqa: E402
from sink import crc32c  # noqa: E402

ROOT = os.path.join(os.path.dirname(os.path.realpath(__file__)), "../..")
SCENARIO = os.path.join(ROOT, "tests/data/load/mixed.toml")
ID_FIELD = re.compile(rb"X-Mailrace-Load-Id: (([0-9a-f]{16})\.([0-9a-f]{16})\.([0-9a-f]{8}))\r\n")


def id_of(content):
    """The id in the first field of a message, which must be right about what is behind it."""
    field = ID_FIELD.match(content)
    assert field is not None, content[:100]
    assert int(field.group(4), 16) == crc32c(content[field.end():]), field.group()
    return field.group(1).decode()


class LmtpSession(socketserver.StreamRequestHandler):
    def handle(self):
        self.say(b"220 lmtp.example LMTP")
        for line in self.rfile:
            verb = line[:4].upper()
            if verb == b"LHLO":
                self.say(b"250-lmtp.example\r\n250-" + self.server.extensions + b"\r\n250 HELP")
            elif verb == b"MAIL":
                self.rcpts, self.chunks = [], b""
                self.say(b"250 ok")
            elif verb == b"RCPT":
                bad = b"<nobody@" in line
                if not bad:
                    self.rcpts.append(line)
                self.say(b"550 no" if bad else b"250 ok")
            elif verb == b"DATA":
                self.say(b"354 go")
                stuffed = b"".join(iter(self.rfile.readline, b".\r\n"))
                self.take(stuffed.replace(b"\r\n..", b"\r\n."))
            elif verb == b"BDAT":
                size, last = re.fullmatch(rb"BDAT (\d+)( LAST)?\r\n", line).groups()
                self.chunks += self.rfile.read(int(size))
                self.take(self.chunks) if last else self.say(b"250 more")
            elif verb == b"RSET":
                self.say(b"250 ok")
            elif verb == b"QUIT":
                return self.say(b"221 bye")
            else:
                self.say(b"500 what")

    def take(self, content):
        self.server.mails.append((content, len(self.rcpts)))
        for reply in self.server.replies[:1] * (len(self.rcpts) - 1) + self.server.replies[-1:]:
            self.say(reply)

    def say(self, reply):
        self.wfile.write(reply + b"\r\n")


class Lmtp:
    """An LMTP server as a context. replies   to all recipients but the last one, and to that"""

    def __init__(self, path=None, replies=(b"250 ok", b"250 ok"),
                 extensions=b"PIPELINING\r\n250-CHUNKING"):
        base = socketserver.ThreadingUnixStreamServer if path else socketserver.ThreadingTCPServer
        self.server = base(path or ("127.0.0.1", 0), LmtpSession)
        self.server.daemon_threads = True
        self.server.mails, self.server.replies = [], list(replies)
        self.server.extensions = extensions
        self.target = "lmtp:" + (path or "127.0.0.1:%d" % self.server.server_address[1])

    def __enter__(self):
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


class Scenarios(mailrace.ServerTestCase):
    def setUp(self):
        super().setUp()
        self.ids = os.path.join(self.directory, "ids")

    def load(self, target, *flags, status=0):
        if not isinstance(target, str):
            target = "%s:%d" % target.address
        defaults = {"MAILRACE_CONNECTIONS": "4", "MAILRACE_RCPT": "user@example.com",
                    "MAILRACE_IDS": self.ids}
        done, out, err = mailrace.run("load", "--target", target, "--json",
                                      "--allow-generator-limit", *flags, env=defaults,
                                      timeout=3 * mailrace.PATIENCE_S)
        self.assertEqual(done, status, out + err)
        return json.loads(out)

    def acknowledged(self):
        """Size by id, of the file that --ids made."""
        with open(self.ids, encoding="ascii") as file:
            lines = [line.split() for line in file]
        sizes = {id_: int(size) for id_, size in lines}
        self.assertEqual(len(sizes), len(lines), "an id twice")
        return sizes

    def stored(self, server):
        """All mails behind the end of the server, which must be those that were acknowledged."""
        self.assertEqual(server.stop(), 0)
        mails = mailrace.exported(self.spool)
        self.assertEqual({id_of(mail.content): len(mail.content) for mail in mails},
                         self.acknowledged())
        self.assertEqual(len(mails), len(self.acknowledged()))
        return mails

    def test_sizes_and_recipients_are_spread(self):
        server = self.serve()
        done = self.load(server, "--size", "lognormal:4KiB:1", "--recipients", "uniform:2:5",
                         "--rcpt", "user%d@example.com", "--messages", "200", "--threads", "2",
                         "--messages-per-connection", "uniform:1:9")
        self.assertEqual(done["messages"], 200)
        self.assertGreater(done["connections_opened"], 200 // 9)
        self.assertLess(done["connections_opened"], 200)
        mails = self.stored(server)
        sizes = sorted(len(mail.content) for mail in mails)
        self.assertGreater(len(set(sizes)), 20)
        self.assertLess(sizes[20], 4096)
        self.assertGreater(sizes[-20], 4096)
        self.assertEqual({len(mail.rcpt_to) for mail in mails}, {2, 3, 4, 5})
        for mail in mails:
            self.assertEqual(len(set(mail.rcpt_to)), len(mail.rcpt_to))
            for rcpt in mail.rcpt_to:
                self.assertRegex(rcpt, r"^user\d{1,6}@example\.com$")

    def test_the_seed_decides(self):
        def choices(seed):
            with Lmtp() as lmtp:
                self.load(lmtp.target, "--size", "lognormal:4KiB:1", "--recipients", "uniform:1:5",
                          "--seed", seed, "--messages", "40", "--connections", "1")
                return [(len(content), rcpts) for content, rcpts in lmtp.server.mails]
        first = choices("1")
        self.assertEqual(first, choices("1"))
        self.assertNotEqual(first, choices("2"))

    def test_chunks(self):
        server = self.serve()
        for chunk, size in (("1000", "4KiB"), ("1MiB", "40KiB"), ("4096", "8KiB")):
            done = self.load(server, "--data", "bdat", "--bdat-chunk", chunk, "--size", size,
                             "--messages", "20")
            self.assertEqual(done["messages"], 20)
            self.assertNotIn("354", done["replies"])
        self.assertEqual(len(self.stored(server)), 60)

    def test_chunks_need_a_server_that_takes_them(self):
        with Lmtp(extensions=b"PIPELINING") as lmtp:
            done = self.load(lmtp.target, "--data", "bdat", "--messages", "4", status=1)
        self.assertEqual(done["first_error"], "LHLO: CHUNKING is not offered")
        self.assertEqual(lmtp.server.mails, [])

    def test_mails_of_a_folder(self):
        folder = os.path.join(self.directory, "mails")
        os.mkdir(folder)
        mails = {b"Subject: a\n\n.\n..\n.x\nend\n": b"Subject: a\r\n\r\n.\r\n..\r\n.x\r\nend\r\n",
                 b"Subject: b\r\n\r\nno end": b"Subject: b\r\n\r\nno end\r\n",
                 b"Subject: c\r\rcr\r": b"Subject: c\r\n\r\ncr\r\n"}
        for number, mail in enumerate(mails):
            with open(os.path.join(folder, f"{number}.eml"), "wb") as file:
                file.write(mail)
        with open(os.path.join(folder, "note.txt"), "wb") as file:
            file.write(b"not a mail")
        server = self.serve()
        for framing in ("data", "bdat"):
            self.load(server, "--mails", folder, "--messages", "60", "--data", framing)
        contents = [ID_FIELD.sub(b"", mail.content, 1) for mail in self.stored(server)]
        self.assertEqual(len(contents), 120)
        self.assertEqual(set(contents), set(mails.values()))

    def test_bad_recipients_are_refused_and_aborted_mails_are_not_stored(self):
        server = self.serve()
        done = self.load(server, "--recipients", "2", "--bad-recipients", "40", "--bad-rcpt",
                         "x@elsewhere.example", "--abort", "20", "--messages", "300")
        self.assertGreater(done["aborted"], 0)
        self.assertGreater(done["without_recipients"], 0)
        self.assertGreater(done["refused_recipients"], done["without_recipients"])
        self.assertEqual(done["messages"] + done["aborted"] + done["without_recipients"], 300)
        mails = self.stored(server)
        self.assertEqual(len(mails), done["messages"])
        self.assertEqual({len(mail.rcpt_to) for mail in mails}, {1, 2})

    def test_bad_recipients_that_are_taken_are_an_error(self):
        server = self.serve()
        done = self.load(server, "--bad-recipients", "100", "--bad-rcpt", "x@example.com",
                         "--messages", "10", status=1)
        self.assertEqual(done["errors"]["unexpected_reply"], 4)

    def test_slow_connections_send_the_same_mail_in_pieces(self):
        server = self.serve()
        done = self.load(server, "--slow", "100", "--slow-rate", "20000", "--size", "3KiB",
                         "--messages", "8", "--data", "bdat", "--bdat-chunk", "1KiB")
        self.assertEqual(done["messages"], 8)
        # 3 KiB at this rate are 150 ms at least, which a run that ignores it is done with at once.
        self.assertGreater(done["seconds"], 0.2)
        self.assertEqual(len(self.stored(server)), 8)

    def test_clients_of_a_proxy(self):
        for version, network in (("v1", "192.0.2.0/24"), ("v2", "2001:db8::/112"),
                                 ("v2", "10.0.0.0/8")):
            with self.subTest(version=version, network=network):
                spool = os.path.join(self.directory, version + network.replace("/", "_"))
                server = self.serve("--proxy-protocol-from", "127.0.0.1", spool=spool)
                self.load(server, "--proxy", version, "--proxy-clients", network, "--messages",
                          "40", "--messages-per-connection", "2")
                self.assertEqual(server.stop(), 0)
                peers = [mail.peer.rsplit(":", 1)[0].strip("[]")
                         for mail in mailrace.exported(spool)]
                self.assertEqual(len(peers), 40)
                self.assertGreater(len(set(peers)), 10)
                for peer in peers:
                    self.assertIn(ipaddress.ip_address(peer), ipaddress.ip_network(network))

    def test_a_proxy_speaks_in_the_clear_in_front_of_tls(self):
        server = self.serve("--proxy-protocol-from", "127.0.0.1", "--listen-tls", "127.0.0.1:0",
                            *mailrace.tls_flags("ecdsa"))
        for mode, address in (("starttls", server.addresses[0]), ("implicit", server.addresses[1])):
            self.load("%s:%d" % address, "--proxy", "v2", "--proxy-clients", "192.0.2.7", "--tls",
                      mode, "--messages", "4")
        peers = {mail.peer.rsplit(":", 1)[0] for mail in self.stored(server)}
        self.assertEqual(peers, {"192.0.2.7"})

    def test_source_addresses_are_taken_in_turn(self):
        server = self.serve()
        self.load(server, "--source", "127.1.2.3-127.1.2.5", "--messages", "12",
                  "--messages-per-connection", "1", "--connections", "1")
        peers = [mail.peer.rsplit(":", 1)[0] for mail in self.stored(server)]
        self.assertEqual(peers, ["127.1.2.3", "127.1.2.4", "127.1.2.5"] * 4)

    def test_lmtp(self):
        socket_path = os.path.join(self.directory, "lmtp")
        for path in (None, socket_path):
            for framing in ("data", "bdat"):
                with self.subTest(path=path, framing=framing), Lmtp(path) as lmtp:
                    done = self.load(lmtp.target, "--recipients", "uniform:1:3", "--messages",
                                     "30", "--data", framing, "--bad-recipients", "10",
                                     "--bad-rcpt", "nobody@example.com")
                    self.assertEqual(done["messages"], len(lmtp.server.mails))
                    self.assertGreater(done["messages"], 20)
                    taken = [id_of(content) for content, _ in lmtp.server.mails]
                    self.assertEqual(set(taken), set(self.acknowledged()))
                    os.remove(self.ids)
                if path:
                    os.remove(path)

    def test_a_message_that_lmtp_keeps_for_some_only_is_not_acknowledged(self):
        with Lmtp(replies=(b"250 ok", b"452 full")) as lmtp:
            done = self.load(lmtp.target, "--recipients", "2", "--messages", "5", status=1)
        self.assertEqual(done["messages"], 0)
        self.assertEqual(done["first_error"], "mail data: 452 full")
        self.assertEqual(self.acknowledged(), {})

    def test_the_scenario_of_the_readme(self):
        with open(SCENARIO, encoding="utf-8") as file:
            scenario = file.read()
        with open(os.path.join(ROOT, "README.md"), encoding="utf-8") as file:
            self.assertIn(scenario, file.read())
        server = self.serve()
        host, port = server.address
        # A flag is over the file: its slow connections would take seconds.
        status, out, err = mailrace.run(
            "load", "--scenario", SCENARIO, "--target", f"smtp:{host}:{port}", "--messages", "200",
            "--slow", "0", "--connections", "4", "--ids", self.ids, "--json",
            "--allow-generator-limit", timeout=3 * mailrace.PATIENCE_S)
        self.assertEqual(status, 0, out + err)
        done = json.loads(out)
        self.assertEqual(done["message_bytes"], "lognormal:16KiB:1.2")
        self.assertEqual(len(self.stored(server)), done["messages"])


class Mistakes(mailrace.ServerTestCase):
    def assert_refused(self, message, *flags):
        status, out, err = mailrace.run("load", "--target", "127.0.0.1:1", *flags)
        self.assertEqual((status, out, err), (2, "", f"mailrace load: {message}\n"))

    def test_in_a_scenario(self):
        path = os.path.join(self.directory, "bad.toml")
        for text, message in (
                ('\nsize = "1"', ":2:1: size: '1' is not allowed (allowed: 256 to 1GiB, or "
                                 "lognormal:MEDIAN:SIGMA, clamped to these)"),
                ('sise = "4KiB"', ":1:1: unknown key 'sise'; did you mean size?"),
                ('recipients = "uniform:4:2"', ":1:1: recipients: 'uniform:4:2' is not allowed "
                                               "(allowed: 1 to 1000, or uniform:LEAST:MOST)"),
                ('abort = "5"', ":1:1: abort: '5' is not allowed (a number is needed; allowed: "
                                "0 to 100)"),
                ('scenario = "x"', ":1:1: unknown key 'scenario'")):
            with self.subTest(text=text):
                with open(path, "w", encoding="ascii") as file:
                    file.write(text)
                self.assert_refused(path + message, "--scenario", path)

    def test_in_flags_that_do_not_go_together(self):
        self.assert_refused("--source is of another IP version than --target", "--source", "::1")
        status, _, err = mailrace.run("load", "--target", "/x", "--source", "127.0.0.1")
        self.assertEqual(status, 2)
        self.assertEqual(err,
                         "mailrace load: --source is for IP, and --target is a Unix socket\n")

    def test_in_files(self):
        self.assert_refused(f"--mails: '{self.directory}': it has no *.eml", "--mails",
                            self.directory)
        self.assert_refused("--mails: '/nowhere': No such file or directory", "--mails",
                            "/nowhere")
        self.assert_refused("--ids: '/nowhere/x': No such file or directory", "--ids",
                            "/nowhere/x")

    def test_in_targets_and_patterns(self):
        for flag, value in (("--target", "lmtp:localhost:24"), ("--target", "lmtp:127.0.0.1:0"),
                            ("--rcpt", "u%d%d@x"), ("--source", "127.0.0.9-127.0.0.1"),
                            ("--proxy-clients", "10.0.0.1/8"), ("--data", "chunks")):
            with self.subTest(flag=flag):
                status, _, err = mailrace.run("load", flag, value)
                self.assertEqual(status, 2)
                self.assertIn(f"{flag}: '{value}' is not allowed (", err)

    def test_ids_that_cannot_be_written(self):
        if not os.path.exists("/dev/full"):
            self.skipTest("no /dev/full")
        server = self.serve()
        status, _, err = mailrace.run("load", "--target", "%s:%d" % server.address, "--rcpt",
                                      "user@example.com", "--messages", "3", "--quiet", "--ids",
                                      "/dev/full")
        self.assertEqual((status, err),
                         (1, "mailrace load: --ids: No space left on device\n"))


if __name__ == "__main__":
    mailrace.main()
