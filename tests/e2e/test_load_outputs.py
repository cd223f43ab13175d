#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""What `mailrace load` shows and writes: CSV, a page, a view on a terminal."""

import csv
import fcntl
import html.parser
import json
import os
import pty
import re
import select
import signal
import socket
import struct
import subprocess
import sys
import termios
import threading
import time
import xml.etree.ElementTree

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "../support"))

import mailrace  # noqa: E402

COLUMNS = 70


class Page(html.parser.HTMLParser):
    """Checks that tags nest, and remembers what would be fetched."""

    VOID = {"meta", "br"}

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.fetched, self.words = [], [], [], []
        self.feed(text)
        self.close()
        assert not self.open, self.open

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.fetched += [value for name, value in attrs if name in ("src", "href", "srcset")]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)

    def handle_endtag(self, tag):
        assert self.open and self.open[-1] == tag, (self.open, tag)
        self.open.pop()

    def handle_data(self, data):
        self.words.append(data)


class Terminal:
    """The program with a terminal of its own at stderr."""

    def __init__(self, arguments, locale="C.UTF-8"):
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, COLUMNS, 0, 0))
        environment = mailrace.clean_environment({"TERM": "xterm", "LC_ALL": locale})
        self.process = subprocess.Popen(
            [mailrace.PROGRAM, *arguments], stdout=subprocess.PIPE, stderr=slave, env=environment,
            preexec_fn=mailrace.die_with_parent)
        os.close(slave)
        self.seen = b""

    def read_until(self, done):
        """Reads until `done` of all that was seen, or the end."""
        deadline = time.monotonic() + mailrace.PATIENCE_S
        while not done(self.seen):
            assert time.monotonic() < deadline, self.seen
            if not select.select([self.master], [], [], 0.1)[0]:
                continue
            try:
                self.seen += os.read(self.master, 65536)
            except OSError:  # nobody has the other side any more
                return

    def end(self):
        self.read_until(lambda _: False)
        out = self.process.communicate(timeout=mailrace.PATIENCE_S)[0]
        self.settings = termios.tcgetattr(self.master)
        os.close(self.master)
        return self.process.returncode, out.decode()


class LoadOutputs(mailrace.ServerTestCase):
    def flags(self, server, *flags):
        host, port = server.address
        return ("load", "--target", f"{host}:{port}", "--rcpt", "user@example.com",
                "--connections", "4", "--allow-generator-limit", *flags)

    def load(self, server, *flags):
        return mailrace.run(*self.flags(server, *flags), timeout=3 * mailrace.PATIENCE_S)

    def file(self, name):
        return os.path.join(self.directory, name)

    # --- files ---

    def test_csv_has_every_message(self):
        path = self.file("seconds.csv")
        code, out, err = self.load(self.serve(), "--json", "--warmup", "500ms", "--duration",
                                   "1200ms", "--csv", path)
        self.assertEqual((code, err), (0, ""))
        result = json.loads(out)
        with open(path, newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        self.assertGreaterEqual(len(rows), 3)
        measured = [row for row in rows if row["warmup"] == "0"]
        self.assertEqual(sum(int(row["messages"]) for row in measured), result["messages"])
        self.assertEqual(sum(int(row["bytes"]) for row in rows),
                         result["messages"] * result["message_bytes"])
        self.assertEqual(sum(int(row["messages"]) for row in rows if row["warmup"] == "1"),
                         result["warmup_messages"])
        self.assertEqual((rows[0]["start"], rows[0]["end"]), ("-0.500", "0.000"))
        self.assertEqual(max(float(row["max"] or 0) for row in rows), result["latency_ms"]["max"])
        for before, after in zip(rows, rows[1:]):
            self.assertLessEqual(float(before["end"]), float(after["start"]))

    def test_csv_of_a_run_that_is_killed(self):
        path = self.file("seconds.csv")
        server = self.serve()
        process = subprocess.Popen(
            [mailrace.PROGRAM, *self.flags(server, "--quiet", "--duration", "10m", "--csv", path)],
            env=mailrace.clean_environment(), preexec_fn=mailrace.die_with_parent)
        deadline = time.monotonic() + mailrace.PATIENCE_S
        while not os.path.exists(path) or os.path.getsize(path) < 100:
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.05)
        process.kill()
        process.wait()
        with open(path, newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        self.assertGreater(int(rows[0]["messages"]), 0)
        self.assertTrue(all(None not in row.values() for row in rows))

    def test_html_is_one_page_that_fetches_nothing(self):
        path = self.file("page.html")
        code, _, err = self.load(self.serve(), "--quiet", "--duration", "1200ms", "--html", path)
        self.assertEqual((code, err), (0, ""))
        with open(path, encoding="utf-8") as file:
            text = file.read()
        page = Page(text)
        self.assertEqual(page.fetched, [])
        self.assertNotIn("http", text)
        self.assertNotIn("script", page.tags)
        self.assertIn("prefers-color-scheme:dark", text)
        for word in ("Phases", "Replies", "Errors", "--connections", "kernel"):
            self.assertIn(word, " ".join(page.words))
        plots = re.findall(r"<svg.*?</svg>", text, re.DOTALL)
        self.assertEqual(len(plots), 4)
        for plot in plots:
            root = xml.etree.ElementTree.fromstring(plot)
            self.assertTrue(root.findall(".//path[@d]") or root.findall(".//rect"), plot)

    def test_html_and_csv_of_a_ramp(self):
        page, seconds = self.file("page.html"), self.file("seconds.csv")
        code, out, err = self.load(self.serve(), "--json", "--ramp", "50:150:50", "--duration",
                                   "400ms", "--html", page, "--csv", seconds)
        self.assertEqual((code, err), (0, ""))
        with open(page, encoding="utf-8") as file:
            text = file.read()
        self.assertIn("Ramp", Page(text).words)
        plots = re.findall(r"<svg.*?</svg>", text, re.DOTALL)
        self.assertEqual(len(plots), 6)
        for plot in plots:
            xml.etree.ElementTree.fromstring(plot)
        with open(seconds, newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        self.assertEqual(sum(int(row["scheduled"]) for row in rows), json.loads(out)["scheduled"])

    def test_html_and_csv_of_several_runs(self):
        page, seconds = self.file("page.html"), self.file("seconds.csv")
        code, _, err = self.load(self.serve(), "--quiet", "--repeat", "3", "--messages", "20",
                                 "--html", page, "--csv", seconds)
        self.assertEqual((code, err), (0, ""))
        with open(page, encoding="utf-8") as file:
            words = Page(file.read()).words
        self.assertIn("Runs; the one that is shown is bold", words)
        with open(seconds, newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        for run in ("1", "2", "3"):
            self.assertEqual(sum(int(row["messages"]) for row in rows if row["run"] == run), 20)
        self.assertEqual({row["scheduled"] for row in rows}, {""})

    def test_html_of_a_server_that_refuses(self):
        path = self.file("page.html")
        host, port = self.serve().address
        code, _, _ = mailrace.run("load", "--target", f"{host}:{port}", "--rcpt",
                                  "user@elsewhere.example", "--messages", "2", "--quiet",
                                  "--connections", "1", "--html", path)
        self.assertEqual(code, 1)
        with open(path, encoding="utf-8") as file:
            page = Page(file.read())
        self.assertIn("The first error: RCPT: 550", " ".join(page.words))
        self.assertIn("unexpected_reply", page.words)

    def test_files_that_cannot_be_written(self):
        server = self.serve()
        for flag in ("--csv", "--html"):
            for path, what in (("-", "'-' is not allowed"), ("/nonexistent/x", "No such file")):
                with self.subTest(flag=flag, path=path):
                    code, out, err = self.load(server, "--messages", "1", flag, path)
                    self.assertEqual((code, out), (2, ""))
                    self.assertRegex(err, rf"^mailrace load: {flag}: .*{what}.*\n$")
        code, _, err = self.load(server, "--quiet", "--messages", "1", "--csv", "/dev/full")
        self.assertEqual(code, 1)
        self.assertIn("--csv: /dev/full: No space left on device", err)

    def test_a_report_that_cannot_be_written(self):
        with open("/dev/full", "w", encoding="ascii") as full:
            done = subprocess.run([mailrace.PROGRAM, "load", "--help"], stdout=full, check=False,
                                  stderr=subprocess.PIPE, env=mailrace.clean_environment())
            self.assertEqual(done.returncode, 1, done.stderr)
            done = subprocess.run(
                [mailrace.PROGRAM, *self.flags(self.serve(), "--messages", "1", "--json")],
                stdout=full, check=False, stderr=subprocess.PIPE,
                env=mailrace.clean_environment())
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn(b"standard output: No space left on device", done.stderr)

    def test_what_a_server_says_cannot_command_a_terminal(self):
        def talk():
            with listener.accept()[0] as peer:
                peer.sendall(b"550 \x1b[2Jgo away\r\n")
        with socket.create_server(("127.0.0.1", 0)) as listener:
            thread = threading.Thread(target=talk, daemon=True)
            thread.start()
            port = listener.getsockname()[1]
            code, out, err = mailrace.run("load", "--target", f"127.0.0.1:{port}", "--messages",
                                          "1", "--connections", "1")
            thread.join(mailrace.PATIENCE_S)
        self.assertEqual(code, 1, err)
        self.assertIn("550 ?[2Jgo away", out)
        self.assertNotIn("\x1b", out + err)

    # --- terminal ---

    def test_a_view_on_a_terminal(self):
        terminal = Terminal(self.flags(self.serve(), "--duration", "2500ms"))
        code, out = terminal.end()
        seen = terminal.seen.decode()
        self.assertEqual(code, 0)
        self.assertIn("messages   ", out)
        views = seen.split("\x1b[6A")
        self.assertGreaterEqual(len(views), 2)
        self.assertNotIn("\x1b[?", seen)  # no mode that would have to be restored
        for view in views:
            lines = view.replace("\x1b[J", "").replace("\x1b[K", "").split("\r\n")
            self.assertEqual(len(lines), 7, view)
            for line in lines:
                self.assertLessEqual(len(line.strip("\r")), COLUMNS, line)
        self.assertIn("█", seen)
        self.assertRegex(views[-1], r"2 s, 1 s left")
        self.assertRegex(views[-1], r"p50 [0-9.]+ ms")

    def test_a_terminal_without_utf8(self):
        terminal = Terminal(self.flags(self.serve(), "--duration", "1500ms"), locale="C")
        self.assertEqual(terminal.end()[0], 0)
        self.assertTrue(terminal.seen.isascii())
        self.assertIn(b"#", terminal.seen)

    def test_the_terminal_is_left_as_it_was_at_sigint(self):
        terminal = Terminal(self.flags(self.serve(), "--duration", "10m"))
        before = termios.tcgetattr(terminal.master)
        terminal.read_until(lambda seen: seen.count(b"\x1b[J") >= 1)
        terminal.process.send_signal(signal.SIGINT)
        code, out = terminal.end()
        self.assertEqual(code, 0)
        self.assertIn("messages   ", out)
        self.assertEqual(terminal.settings, before)
        self.assertTrue(terminal.seen.endswith(b"\n\x1b[J"))  # the cursor is below the view

    def test_no_view_elsewhere(self):
        server = self.serve()
        code, _, err = self.load(server, "--duration", "1500ms")
        self.assertEqual(code, 0)
        self.assertRegex(err, r"^   1 s .*messages/s.*\n")
        self.assertNotIn("\x1b", err)
        for quiet in ("--quiet", "--json"):
            terminal = Terminal(self.flags(server, "--duration", "1500ms", quiet))
            self.assertEqual(terminal.end()[0], 0)
            self.assertEqual(terminal.seen, b"")


if __name__ == "__main__":
    mailrace.main()
