#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""`mailrace load` against `mailrace serve`, both with threads: every message is there, once. And
against a server that is as slow as it is told to be: what an open loop says of it."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "../support"))

import mailrace  # noqa: E402


class SlowServer:
    """Takes mail of any number of connections, and takes its time behind the end of the data: each
    message `message_s`, one after the other; and the first one `stall_s`, so that all wait."""

    def __init__(self, message_s=0.0, stall_s=0.0):
        self.message_s, self.stall_s = message_s, stall_s
        self.turn = threading.Lock()
        self.taken = threading.Event()  # the first message
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.target = f"127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                peer, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.talk, args=(peer,), daemon=True).start()

    def talk(self, peer):
        with peer, peer.makefile("rwb") as stream:
            def say(text):
                stream.write(text + b"\r\n")
                stream.flush()
            say(b"220 slow")
            for line in stream:
                if line.startswith(b"QUIT"):
                    return say(b"221 bye")
                if line.startswith(b"DATA"):
                    say(b"354 go")
                    while stream.readline() not in (b".\r\n", b""):
                        pass
                    self.take_time()
                say(b"250-slow\r\n250 PIPELINING" if line.startswith(b"EHLO") else b"250 ok")

    def take_time(self):
        with self.turn:
            time.sleep(self.message_s if self.taken.is_set() else max(self.stall_s, self.message_s))
            self.taken.set()

    def close(self):
        self.listener.close()


class OpenLoop(mailrace.ServerTestCase):
    def slow_server(self, **options):
        server = SlowServer(**options)
        self.addCleanup(server.close)
        return server

    def load(self, target, *flags, status=0):
        outcome, out, err = mailrace.run("load", "--target", target, "--json", *flags,
                                         timeout=3 * mailrace.PATIENCE_S)
        self.assertEqual(outcome, status, out + err)
        return json.loads(out)

    def test_a_stall_is_in_the_latencies_of_what_was_due_meanwhile(self):
        """100 of 150 messages are due in the first second, in which nothing is answered: half of
        all wait a quarter of a second at least. A closed loop only sees the four that it sent."""
        flags = ("--connections", "4", "--allow-generator-limit")
        done = self.load(self.slow_server(stall_s=1).target, "--rate", "100", "--duration",
                         "1500ms", *flags)
        self.assertEqual((done["loop"], done["rate"], done["scheduled"]), ("open", 100, 150))
        self.assertGreaterEqual(done["latency_ms"]["p50"], 240)
        closed = self.load(self.slow_server(stall_s=1).target, "--messages", "150", *flags)
        self.assertEqual((closed["loop"], closed["messages"]), ("closed", 150))
        self.assertGreaterEqual(closed["latency_ms"]["max"], 1000)
        self.assertLess(closed["latency_ms"]["p50"], done["latency_ms"]["p50"])

    def test_what_is_due_and_cannot_be_sent_is_said(self):
        done = self.load(self.slow_server(message_s=0.1).target, "--rate", "100", "--duration",
                         "1s", "--connections", "2", "--allow-generator-limit")
        self.assertEqual(done["scheduled"], 100)
        self.assertEqual(done["messages"] + done["unsent"], 100)
        self.assertGreaterEqual(done["unsent"], 85)  # ten in a second, and two connections
        self.assertGreaterEqual(done["latency_ms"]["p50"], 400)  # they do not hide
        self.assertEqual(sum(second["scheduled"] for second in done["series"]), 100)

    def test_a_ramp_finds_the_last_rate_that_is_kept_up_with(self):
        done = self.load(self.slow_server(message_s=0.05).target, "--ramp", "1:61:30", "--duration",
                         "2s", "--connections", "8", "--allow-generator-limit")
        self.assertEqual([step["rate"] for step in done["ramp"]], [1, 31, 61])
        self.assertEqual([step["scheduled"] for step in done["ramp"]], [2, 62, 122])
        self.assertEqual((done["knee_verdict"], done["knee"]), ("found", 1), done["ramp"])
        self.assertGreater(done["ramp"][2]["unsent"], 0)

    def test_a_generator_that_is_late_says_so_and_fails(self):
        for flags, status in ((), 3), (("--allow-generator-limit",), 0):
            with self.subTest(flags=flags):
                server = self.slow_server()
                load = subprocess.Popen(
                    [mailrace.PROGRAM, "load", "--target", server.target, "--rate", "200",
                     "--duration", "2s", "--connections", "20", "--json", *flags],
                    stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                    env=mailrace.clean_environment(), preexec_fn=mailrace.die_with_parent)
                self.assertTrue(server.taken.wait(mailrace.PATIENCE_S))
                load.send_signal(signal.SIGSTOP)
                time.sleep(0.3)  # sixty messages become due, and connections are free
                load.send_signal(signal.SIGCONT)
                out, err = load.communicate(timeout=mailrace.PATIENCE_S)
                self.assertEqual(load.returncode, status, out + err)
                self.assertIn("late", json.loads(out)["generator_limit"])
                self.assertEqual("generator is the limit" in err, status == 3, err)

    def test_a_server_with_too_few_places_is_not_a_late_generator(self):
        """Each message needs a connection of its own, and waits until there is one."""
        done = self.load(self.slow_server(message_s=0.1).target, "--rate", "100", "--duration",
                         "2s", "--connections", "2", "--messages-per-connection", "1",
                         "--allow-generator-limit")
        self.assertGreaterEqual(done["latency_ms"]["p50"], 500)
        self.assertLess(done["late_ms"]["p99"], 300)

    def test_errors_are_worse_than_a_late_generator(self):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            target = f"127.0.0.1:{listener.getsockname()[1]}"
        done = self.load(target, "--rate", "100", "--duration", "1s", status=1)
        self.assertEqual(done["messages"], 0)

    def test_repeated_runs_have_medians_and_a_spread(self):
        done = self.load(self.slow_server().target, "--messages", "7", "--connections", "2",
                         "--repeat", "3", "--allow-generator-limit")
        self.assertEqual([run["messages"] for run in done["repeats"]], [7, 7, 7])
        self.assertEqual(done["messages"], 21)
        rates = sorted(run["messages_per_second"] for run in done["repeats"])
        self.assertAlmostEqual(done["messages_per_second"], rates[1], places=2)
        self.assertAlmostEqual(done["spread"]["messages_per_second"][0], rates[0], places=2)
        self.assertAlmostEqual(done["spread"]["messages_per_second"][1], rates[2], places=2)

    def test_the_servers_cpu_time_is_in_the_report(self):
        server = self.serve()
        host, port = server.address
        flags = ("--rcpt", "user@example.com", "--messages", "3000", "--allow-generator-limit")
        done = self.load(f"{host}:{port}", *flags, "--server-pid", str(server.process.pid))
        self.assertGreater(done["server_cpu_ms_per_message"], 0)
        self.assertIsNone(self.load(f"{host}:{port}", *flags)["server_cpu_ms_per_message"])

    def test_flags_that_make_no_sense_are_refused(self):
        for flags, name in ((("--server-pid", "2147483647"), "--server-pid"),
                            (("--rate", "1", "--ramp", "1:2:1"), "--ramp"),
                            (("--arrivals", "poisson"), "--arrivals"),
                            (("--ramp", "1:2"), "--ramp"), (("--rate", "-1"), "--rate")):
            with self.subTest(flags=flags):
                status, out, err = mailrace.run("load", *flags)
                self.assertEqual((status, out), (2, ""))
                self.assertEqual(err.count("\n"), 1, err)
                self.assertIn(name, err)


class Load(mailrace.ServerTestCase):
    def load(self, server, *flags):
        host, port = server.address
        status, out, err = mailrace.run(
            "load", "--target", f"{host}:{port}", "--rcpt", "user@example.com", "--connections",
            "16", "--threads", "2", "--json", "--allow-generator-limit", *flags,
            timeout=3 * mailrace.PATIENCE_S)
        self.assertEqual((status, err), (0, ""), out)
        return json.loads(out)

    def test_every_message_of_two_threads_is_with_two_workers(self):
        server = self.serve(workers=2)
        for flags in (("--size", "600", "--messages", "1000", "--messages-per-connection", "7"),
                      ("--size", "40KiB", "--messages", "300", "--no-pipelining")):
            with self.subTest(flags=flags):
                self.assertEqual(self.load(server, *flags)["messages"], int(flags[3]))
        self.assertEqual(server.stop(), 0)
        mails = mailrace.exported(self.spool)
        self.assertEqual(len(mails), 1300)
        self.assertEqual(len({mail.id for mail in mails}), 1300)
        ids = {re.search(rb"(?mi)^Message-ID: *(\S+)", mail.content).group(1) for mail in mails}
        self.assertEqual(len(ids), 1300)  # each sent once, each kept once
        mailrace.verify(self.spool)

    def test_every_message_is_there_under_tls(self):
        server = self.serve(*mailrace.tls_flags("ecdsa"))
        tls = ("--tls", "starttls", "--messages-per-connection", "2")
        done = self.load(server, *tls, "--tls-version", "1.2", "--messages", "100")
        self.assertEqual((done["messages"], done["tls_resumed"]), (100, 0))
        self.assertGreaterEqual(done["tls_handshakes"], 50)
        done = self.load(server, *tls, "--tls-group", "p-256", "--tls-resume", "100",
                         "--messages", "200")
        self.assertEqual(done["messages"], 200)
        self.assertGreater(done["tls_resumed"], 0)
        self.assertLess(done["tls_resumed"], done["tls_handshakes"])  # the first ones cannot
        done = self.load(server, *tls, "--size", "700KiB", "--messages", "20")  # several pieces
        self.assertEqual(done["messages"], 20)
        self.assertEqual(server.stop(), 0)
        mails = mailrace.exported(self.spool)
        self.assertEqual(len(mails), 320)
        self.assertEqual(len({mail.content for mail in mails}), 320)
        self.assertEqual(sum(len(mail.content) == 700 << 10 for mail in mails), 20)

    def test_a_server_without_tls_is_a_failure(self):
        server = self.serve()
        host, port = server.address
        for mode, error in (("starttls", "unexpected_reply"), ("implicit", "tls")):
            with self.subTest(mode=mode):
                status, out, _ = mailrace.run("load", "--target", f"{host}:{port}", "--json",
                                              "--messages", "3", "--connections", "1", "--rcpt",
                                              "user@example.com", "--tls", mode)
                self.assertEqual(status, 1, out)
                self.assertEqual(json.loads(out)["messages"], 0)
                self.assertEqual(json.loads(out)["errors"][error], 1, out)

    def test_answers_to_what_was_not_said_are_a_failure(self):
        """Whoever gives them may give a 250 for a message that he has not seen."""
        batch = b"250 ok\r\n250 ok\r\n"
        hello = b"250-eager\r\n250 PIPELINING\r\n"
        whole = batch + b"354 go\r\n250 taken\r\n"
        for eager in ({b"EHLO": hello + 2 * whole}, {b"EHLO": hello, b"DATA": whole}):
            with self.subTest(eager=eager):
                done = self.load_eager(eager)
                self.assertEqual(done["messages"], 0)
                self.assertEqual(done["errors"]["unexpected_reply"], 1, done)

    def load_eager(self, answers):
        """answers: to a line that begins with the key; others get none."""
        def talk():
            with listener.accept()[0] as peer, peer.makefile("rwb") as stream:
                peer.sendall(b"220 eager\r\n")
                for line in stream:
                    peer.sendall(answers.get(line[:4], b""))
        with socket.create_server(("127.0.0.1", 0)) as listener:
            thread = threading.Thread(target=talk, daemon=True)
            thread.start()
            status, out, err = mailrace.run(
                "load", "--target", f"127.0.0.1:{listener.getsockname()[1]}", "--messages", "3",
                "--connections", "1", "--json", "--allow-generator-limit")
            thread.join(mailrace.PATIENCE_S)
        self.assertEqual(status, 1, out + err)
        return json.loads(out)

    def test_an_answer_that_was_not_expected_is_a_failure(self):
        server = self.serve()
        host, port = server.address
        status, out, _ = mailrace.run("load", "--target", f"{host}:{port}", "--messages", "3",
                                      "--connections", "1", "--rcpt", "user@elsewhere.example",
                                      "--json")
        self.assertEqual(status, 1, out)
        self.assertEqual(json.loads(out)["messages"], 0)


if __name__ == "__main__":
    mailrace.main()
