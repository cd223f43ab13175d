#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a service manager is told, and when: sd_notify(3)."""

import contextlib
import os
import signal
import socket
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "../support"))

import mailrace  # noqa: E402


class ServiceManager(mailrace.ServerTestCase):
    def setUp(self):
        super().setUp()
        self.place = os.path.join(self.directory, "notify")
        self.status = None  # as said last
        self.socket = self.enterContext(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))
        self.socket.settimeout(mailrace.PATIENCE_S)

    def manage(self, *flags, place=None, **environment):
        self.socket.bind(place.replace("@", "\0", 1) if place else self.place)
        return self.serve(*flags, workers=2,
                          env={"NOTIFY_SOCKET": place or self.place, **environment})

    def hear(self, *unless):
        """The next message, as a dictionary; not one that only says how the server is."""
        while True:
            lines = self.socket.recv(4096).decode().splitlines()
            told = dict(line.split("=", 1) for line in lines)
            if set(told) == {"STATUS"}:
                self.status = told["STATUS"]
            elif not told.keys() & set(unless):
                return told

    def test_the_life_of_a_server(self):
        server = self.manage("--tls-certificate",
                             f"{mailrace.TLS_DATA}/ecdsa.pem,{mailrace.TLS_DATA}/ecdsa.key")
        self.assertEqual(self.hear(), {"READY": "1", "STATUS": "taking mail"})
        before = time.monotonic_ns() // 1000
        server.signal(signal.SIGHUP)
        reloading = self.hear()
        self.assertEqual(reloading["RELOADING"], "1")
        self.assertLessEqual(before, int(reloading["MONOTONIC_USEC"]))
        self.assertLessEqual(int(reloading["MONOTONIC_USEC"]), time.monotonic_ns() // 1000)
        self.assertEqual(self.hear(), {"READY": "1"})
        self.assertIsNotNone(server.wait_event("tls_reload"))
        server.stop()
        self.assertEqual(self.hear()["STOPPING"], "1")

    def test_a_reload_of_nothing_ends_too(self):
        server = self.manage(place=f"@mailrace-{os.getpid()}")
        self.assertEqual(self.hear()["READY"], "1")
        server.signal(signal.SIGHUP)
        self.assertEqual(self.hear()["RELOADING"], "1")
        self.assertEqual(self.hear(), {"READY": "1"})

    def test_one_that_does_not_listen_holds_up_no_signal(self):
        server = self.manage()
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as others:
            others.setblocking(False)
            others.connect(self.place)
            with self.assertRaises(BlockingIOError):
                while True:
                    others.send(b"X=1")  # until it has no room
        server.signal(signal.SIGHUP)
        server.stop()

    def test_a_watchdog_is_fed_while_all_workers_answer(self):
        server = self.manage(WATCHDOG_USEC="400000")
        self.assertEqual(self.hear("WATCHDOG")["READY"], "1")
        for _ in range(5):
            self.assertEqual(self.hear(), {"WATCHDOG": "1"})
        server.signal(signal.SIGSTOP)
        self.socket.settimeout(1)
        with self.assertRaises(TimeoutError):
            while True:
                self.hear()
        server.signal(signal.SIGCONT)
        self.assertEqual(self.hear(), {"WATCHDOG": "1"})

    def test_a_watchdog_for_another_process_is_not(self):
        self.manage(WATCHDOG_USEC="100000", WATCHDOG_PID="1")
        self.assertEqual(self.hear()["READY"], "1")
        self.socket.settimeout(0.5)
        with self.assertRaises(TimeoutError):
            self.hear()

    def test_a_server_that_cannot_start_is_not_ready(self):
        self.socket.bind(self.place)
        code, _, _ = mailrace.run("serve", "--spool", "/proc/none", "--domain", "example.com",
                                  env={"NOTIFY_SOCKET": self.place})
        self.assertEqual(code, 2)
        self.socket.setblocking(False)
        with self.assertRaises(BlockingIOError):
            self.hear()

    def test_says_how_it_is(self):
        server = self.manage()
        self.assertEqual(self.hear()["READY"], "1")
        with server.connect() as client:
            client.hello()
            self.socket.settimeout(0.1)
            deadline = time.monotonic() + mailrace.PATIENCE_S
            while self.status != "taking mail: 1 connections, 0 mails so far":
                self.assertLess(time.monotonic(), deadline, self.status)
                with contextlib.suppress(TimeoutError):
                    self.hear()

    def test_nobody_listens(self):
        server = self.serve(env={"NOTIFY_SOCKET": self.place, "WATCHDOG_USEC": "100000"})
        with server.connect() as client:
            client.hello()


if __name__ == "__main__":
    mailrace.main()
