#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""A server takes the place of another one: under load nobody is refused, and no mail is lost."""

import contextlib
import fcntl
import glob
import json
import os
import re
import select
import socket
import subprocess
import sys
import threading
import time
import urllib.request

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "../support"))

import mailrace  # noqa: E402

MAIL = b"Subject: x\r\n\r\nx\r\n"
ROUNDS = int(os.environ.get("MAILRACE_TEST_TAKEOVERS", "50"))


class Takeover(mailrace.ServerTestCase):
    def setUp(self):
        super().setUp()
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]

    def start(self, *flags, workers=2):
        server = mailrace.Server(self.spool, "--take-over", *flags, workers=workers)
        at = server.command.index("127.0.0.1:0")
        server.command[at] = f"127.0.0.1:{self.port}"
        return self.enterContext(server)

    def load(self, seconds):
        return subprocess.Popen(
            [mailrace.PROGRAM, "load", "--target", f"127.0.0.1:{self.port}", "--rcpt",
             "user@example.com", "--connections", "8", "--messages-per-connection", "3",
             "--duration", f"{seconds}s", "--allow-generator-limit", "--json"],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            preexec_fn=mailrace.die_with_parent)

    def test_fifty_times_under_load(self):
        server = self.start()
        load = self.load(3600)
        for _ in range(ROUNDS):
            successor = self.start()
            self.assertEqual(server.wait(2 * mailrace.PATIENCE_S), 0)
            self.assertIsNotNone(server.wait_event("taken_over"))
            server = successor
        load.terminate()  # it finishes what it has begun
        out, err = load.communicate(timeout=mailrace.PATIENCE_S)
        self.assertEqual((load.returncode, err), (0, ""), out)
        done = json.loads(out)
        self.assertEqual(sum(done["errors"].values()), 0, out)
        self.assertGreater(done["messages"], 3 * ROUNDS)
        self.assertEqual(server.stop(), 0)
        mails = mailrace.exported(self.spool)
        self.assertEqual(len(mails), done["messages"])
        self.assertEqual(len({mail.content for mail in mails}), len(mails))
        mailrace.verify(self.spool)

    def test_a_transaction_that_is_open_is_finished_by_the_old_one(self):
        server = self.start()
        client = self.enterContext(server.connect())
        client.hello()
        mailrace.expect(client.command("MAIL FROM:<a@example.net>"), 250)
        mailrace.expect(client.command("RCPT TO:<b@example.com>"), 250)
        mailrace.expect(client.command("DATA"), 354)
        successor = self.start()
        with mailrace.Client((successor.address[0], self.port)) as other:
            mailrace.expect(other.reply(), 220)
            mailrace.expect(other.command("EHLO x"), 250)
            mailrace.accepted_id(other.mail(MAIL))
            self.assertIsNone(server.process.poll())
        client.send(MAIL + b".\r\n")
        mailrace.accepted_id(client.reply())
        mailrace.accepted_id(client.mail(MAIL))  # and its session goes on
        mailrace.expect(client.command("QUIT"), 221)
        self.assertEqual(server.wait(), 0)
        self.assertEqual(successor.stop(), 0)
        self.assertEqual(len(mailrace.exported(self.spool)), 3)

    def test_metrics_are_the_successors(self):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]

        def mails():
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics",
                                        timeout=mailrace.PATIENCE_S) as answer:
                found = re.search(r"^mailrace_mails_total(?:{.*})? (\d+)$",
                                  answer.read().decode(), re.MULTILINE)
            return int(found.group(1))

        server = self.start("--metrics-listen", f"127.0.0.1:{port}", workers=1)
        client = self.enterContext(server.connect())
        client.hello()
        mailrace.accepted_id(client.mail(MAIL))
        self.assertEqual(mails(), 1)
        self.start("--metrics-listen", f"127.0.0.1:{port}", workers=1)
        self.assertIsNotNone(server.wait_event("leaving"))
        time.sleep(1)  # twice as long as it may take
        self.assertEqual([mails() for _ in range(20)], 20 * [0])
        self.assertIsNone(server.process.poll())
        mailrace.expect(client.command("QUIT"), 221)
        self.assertEqual(server.wait(), 0)

    def test_a_session_that_does_not_end_is_ended(self):
        server = self.start("--drain-timeout", "1s")
        client = self.enterContext(server.connect())
        client.hello()
        self.start()
        self.assertEqual(client.reply().code, 421)
        self.assertEqual(server.wait(), 0)

    def test_one_that_cannot_start_changes_nothing(self):
        server = self.start()
        with self.assertRaises(AssertionError) as failed:
            self.start("--metrics-listen", "203.0.113.1:9")  # no address of ours
        self.assertIn("--metrics-listen", str(failed.exception))
        with server.connect() as client:
            client.hello()
            mailrace.accepted_id(client.mail(MAIL))
        self.start()
        self.assertEqual(server.wait(), 0)

    def test_one_that_is_killed_before_it_takes_mail_changes_nothing(self):
        server = self.start("--retain-bytes", "1MiB")
        place = os.path.join(self.spool, "takeover.socket")
        for _ in range(3):
            with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as intruder:
                intruder.settimeout(mailrace.PATIENCE_S)
                intruder.connect(place)
                _, descriptors, _, _ = socket.recv_fds(intruder, 64, 64)
                for descriptor in descriptors:
                    os.close(descriptor)
        with server.connect() as client:
            client.hello()
            mailrace.accepted_id(client.mail(MAIL))
        self.assertIsNotNone(server.wait_event("takeover_withdrawn"))
        successor = self.start()
        self.assertEqual(server.wait(), 0)
        self.assertEqual(successor.stop(), 0)

    @contextlib.contextmanager
    def offer_of(self, server):
        """What a server gives to its successor: octets of the offer and of the listeners' messages,
        each with its descriptors. The server takes it back behind this."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as successor:
            successor.settimeout(mailrace.PATIENCE_S)
            successor.connect(os.path.join(self.spool, "takeover.socket"))
            messages = [socket.recv_fds(successor, 64, 64)[:2] for _ in range(2)]
            yield messages
            for _, descriptors in messages:
                for descriptor in descriptors:
                    os.close(descriptor)

    @contextlib.contextmanager
    def predecessor(self, messages, says):
        """In the place of one that was killed: makes that offer, says this whatever it hears."""
        place = os.path.join(self.spool, "takeover.socket")
        os.unlink(place)
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
            listener.bind(place)
            listener.listen(1)

            def serve():
                peer = listener.accept()[0]
                for octets, descriptors in messages:
                    socket.send_fds(peer, [octets], descriptors)
                if says:
                    peer.sendall(says)
                    peer.recv(1)  # that it takes mail, or that it is gone
                peer.close()

            thread = threading.Thread(target=serve)
            thread.start()
            yield
            thread.join(mailrace.PATIENCE_S)
            self.assertFalse(thread.is_alive())

    def test_one_that_dies_behind_its_offer(self):
        server = self.start()
        with server.connect() as client:
            client.hello()
            mailrace.accepted_id(client.mail(MAIL))
        with self.offer_of(server) as messages:
            server.expect_status(-9)
            server.kill()
            with self.predecessor(messages, says=b""):
                successor = self.start()
        with successor.connect() as client:
            client.hello()
            mailrace.accepted_id(client.mail(MAIL))
        self.assertEqual(self.start().stop(), 0)  # the place is whole again
        self.assertEqual(successor.wait(), 0)
        self.assertEqual(len(mailrace.exported(self.spool)), 2)

    def test_one_that_has_waited_for_too_long(self):
        server = self.start()
        with self.offer_of(server) as messages:
            server.expect_status(-9)
            server.kill()
            with self.predecessor(messages, says=b"\x03"):
                with self.assertRaises(AssertionError) as failed:
                    self.start()
        self.assertIn("does not leave", str(failed.exception))
        self.start()

    @contextlib.contextmanager
    def first_in_line(self, sockets):
        """Waits for clients like a server that has not ended its accepts, and takes none."""
        with select.epoll() as line:
            for socket_ in sockets:
                line.register(socket_, select.EPOLLIN | select.EPOLLEXCLUSIVE)
            thread = threading.Thread(target=line.poll, args=(mailrace.PATIENCE_S,))
            thread.start()
            yield
            thread.join()

    @contextlib.contextmanager
    def workers_locked(self):
        """As if the server were still writing there."""
        with contextlib.ExitStack() as stack:
            for place in glob.glob(os.path.join(self.spool, "worker-*")):
                directory = os.open(place, os.O_RDONLY | os.O_DIRECTORY)
                stack.callback(os.close, directory)
                fcntl.flock(directory, fcntl.LOCK_EX)
            yield

    def test_a_client_of_whom_only_the_old_one_was_told(self):
        server = self.start()
        with self.offer_of(server) as messages:
            server.expect_status(-9)
            server.kill()
            listeners = [one for _, descriptors in messages[1:] for one in descriptors]
            with self.workers_locked(), self.first_in_line(listeners):
                with self.predecessor(messages, says=b"\x02"):
                    successor = self.start()
                    with mailrace.Client((successor.address[0], self.port)) as client:
                        mailrace.expect(client.reply(), 220)
                self.assertEqual(successor.events("predecessor_gone"), [])
        self.assertIsNotNone(successor.wait_event("predecessor_gone"))

    def test_the_next_one_waits_until_the_one_before_has_gone(self):
        first = self.start()
        client = self.enterContext(first.connect())
        client.hello()
        mailrace.expect(client.command("MAIL FROM:<a@example.net>"), 250)
        second = self.start()
        self.assertIsNotNone(first.wait_event("leaving"))
        seen = []

        def finish():
            time.sleep(0.5)  # the third one has asked
            seen.append(second.events("leaving"))
            mailrace.expect(client.command("RCPT TO:<b@example.com>"), 250)
            mailrace.expect(client.command("DATA"), 354)
            client.send(MAIL + b".\r\n")
            mailrace.accepted_id(client.reply())
            mailrace.expect(client.command("QUIT"), 221)
            seen.append("finished")

        finisher = threading.Thread(target=finish)
        finisher.start()
        third = self.start()
        finisher.join(mailrace.PATIENCE_S)
        self.assertEqual(seen, [[], "finished"])
        self.assertEqual(first.wait(), 0)
        self.assertEqual(second.wait(), 0)
        with third.connect() as other:
            other.hello()
            mailrace.accepted_id(other.mail(MAIL))
        self.assertEqual(third.stop(), 0)
        self.assertEqual(len(mailrace.exported(self.spool)), 2)

    def test_more_and_fewer_workers(self):
        server = self.start(workers=1)
        for workers in (3, 2, 5, 1):
            successor = self.start(workers=workers)
            self.assertEqual(server.wait(), 0)
            server = successor
            for _ in range(10):  # whichever socket it is
                with mailrace.Client(server.address) as client:
                    mailrace.expect(client.reply(), 220)
                    mailrace.expect(client.command("EHLO x"), 250)
                    mailrace.accepted_id(client.mail(MAIL))
        self.assertEqual(server.stop(), 0)
        self.assertEqual(len(mailrace.exported(self.spool)), 40)

    def test_the_old_one_killed_while_it_leaves(self):
        server = self.start()
        client = self.enterContext(server.connect())
        client.hello()
        mailrace.accepted_id(client.mail(MAIL))
        mailrace.expect(client.command("MAIL FROM:<a@example.net>"), 250)
        successor = self.start()
        self.assertIsNotNone(server.wait_event("leaving"))
        server.expect_status(-9)
        server.kill()
        self.assertIsNotNone(successor.wait_event("predecessor_gone"))
        self.assertEqual(successor.stop(), 0)
        self.assertEqual(len(mailrace.exported(self.spool)), 1)
        mailrace.verify(self.spool)

    def test_nobody_to_take_over_from(self):
        server = self.start()
        self.assertEqual(server.stop(), 0)
        for name in ("takeover.socket", "status.socket", "tail.socket"):
            self.assertFalse(os.path.exists(os.path.join(self.spool, name)), name)

    def test_without_the_flag_the_spool_is_in_use(self):
        server = self.start()
        code, _, err = mailrace.run("serve", "--spool", self.spool, "--domain", "example.com",
                                    "--listen", "127.0.0.1:0")
        self.assertEqual(code, 2)
        self.assertIn(f"in use by process {server.process.pid}", err)

    def test_the_successor_owns_the_spool(self):
        server = self.start()
        successor = self.start()
        self.assertEqual(server.wait(), 0)
        code, _, err = mailrace.run("serve", "--spool", self.spool, "--domain", "example.com",
                                    "--listen", "127.0.0.1:0")
        self.assertEqual(code, 2)
        self.assertIn(f"in use by process {successor.process.pid}", err)


if __name__ == "__main__":
    mailrace.main()
