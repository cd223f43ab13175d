#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whoever gets into the process finds little there. The argument is intruder.cc, built."""

import errno
import os
import shutil
import signal
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "../support"))

import mailrace  # noqa: E402

INTRUDER = os.path.realpath(sys.argv.pop(1))
FILES = {"read_file", "write_file", "make_file", "remove_file", "read_passwords", "read_memory"}
CALLS = {"connect", "unix_socket", "ring", "executable_memory", "change_root", "become_root"}
PROCESSES = {"fork", "trace", "execute"}
NEEDED = {"memory", "spool", "done"}


class Lockdown(mailrace.ServerTestCase):
    def setUp(self):
        super().setUp()
        self.spool = os.path.join(self.directory, "mail", "spool")
        os.mkdir(os.path.dirname(self.spool))
        self.elsewhere = os.path.join(self.directory, "elsewhere")
        os.mkdir(self.elsewhere)
        self.secret = os.path.join(self.elsewhere, "secret")
        with open(self.secret, "w", encoding="ascii") as file:
            file.write("not yours")

    def intrude(self, *flags, gentle=False):
        """What an intruder is told, by what it tries; 0 if it is let."""
        report = os.path.join(self.directory, "report")
        environment = {"LD_PRELOAD": INTRUDER, "INTRUDER_REPORT": report,
                       "INTRUDER_SPOOL": self.spool, "INTRUDER_DIRECTORY": self.elsewhere}
        if gentle:
            environment["INTRUDER_IS_GENTLE"] = "1"
        self.server = self.serve(*flags, env=environment)
        with open(os.path.join(self.spool, "go"), "w", encoding="ascii"):
            pass
        deadline = time.monotonic() + mailrace.PATIENCE_S
        while time.monotonic() < deadline:
            with open(report, encoding="ascii") as file:
                told = dict(line.split() for line in file)
            if "done" in told:
                return {name: int(result) for name, result in told.items()}
            time.sleep(0.05)
        self.fail(f"only {told}")

    def require_landlock(self):
        if "none" in self.server.wait_event("lockdown")["landlock"]:
            self.skipTest("this kernel has no Landlock")

    def send(self):
        with self.client(self.server) as client:
            client.hello()
            self.assertEqual(client.mail(b"Subject: still here\r\n\r\nyes\r\n").code, 250)

    def test_nothing_that_leads_out(self):
        told = self.intrude()
        self.require_landlock()
        self.assertEqual(told, {**dict.fromkeys(FILES, errno.EACCES),
                                **dict.fromkeys(CALLS | PROCESSES, errno.EPERM),
                                **dict.fromkeys(NEEDED, 0)})
        self.assertTrue(os.path.exists(self.secret))
        line = self.server.wait_event("lockdown", ring_restrictions="on", seccomp="on",
                                      core_dumps="off")
        self.assertRegex(line["landlock"], "^on, version [0-9]+$")
        with open(f"/proc/{self.server.process.pid}/status", encoding="ascii") as file:
            self.assertRegex(file.read(), r"NoNewPrivs:\t1\n")
        self.send()

    def test_each_can_be_turned_off(self):
        told = self.intrude("--no-landlock", "--no-seccomp", "--no-ring-restrictions",
                            "--core-dumps", gentle=True)
        refused = {"connect"} if os.geteuid() == 0 else {"connect", "change_root", "become_root"}
        self.assertEqual({name for name, result in told.items() if result == 0},
                         (FILES | CALLS | NEEDED) - refused)
        self.assertEqual(told["connect"], errno.ECONNREFUSED)
        self.assertFalse(os.path.exists(self.secret))
        self.assertIsNotNone(self.server.wait_event(
            "lockdown", ring_restrictions="off", landlock="off", seccomp="off", core_dumps="on"))

    def test_landlock_alone(self):
        told = self.intrude("--no-seccomp", gentle=True)
        self.require_landlock()
        for name in FILES | {"connect"}:
            self.assertEqual(told[name], errno.EACCES, name)
        self.assertEqual(told["ring"], 0)

    def test_certificates_are_replaced_all_the_same(self):
        """In certbot's layout: links into a directory beside, each time to another file."""
        live, archive = (os.path.join(self.directory, "letsencrypt", name)
                         for name in ("live", "archive"))
        for directory in (f"{live}/a", f"{archive}/a"):
            os.makedirs(directory)
        self.put(live, archive, "a", 1, "ecdsa")
        server = self.serve("--tls-certificate", live)
        self.put(live, archive, "a", 2, "rsa")
        for directory in (f"{live}/b", f"{archive}/b"):
            os.mkdir(directory)
        self.put(live, archive, "b", 1, "p384")
        server.signal(signal.SIGHUP)
        self.assertIsNotNone(server.wait_event("tls_reload", certificates=2, result="all"))
        self.assertEqual(server.events("tls_file_refused"), [])

    @staticmethod
    def put(live, archive, name, number, which):
        for file, suffix in (("fullchain", "pem"), ("privkey", "key")):
            target = f"{archive}/{name}/{file}{number}.pem"
            shutil.copy(f"{mailrace.TLS_DATA}/{which}.{suffix}", target)
            link = f"{live}/{name}/{file}.pem"
            if os.path.lexists(link):
                os.unlink(link)
            os.symlink(os.path.relpath(target, os.path.dirname(link)), link)


if __name__ == "__main__":
    mailrace.main()
