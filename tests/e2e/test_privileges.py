#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Root has the sockets bound and the keys read, and is gone before the first client comes."""

import os
import pwd
import shutil
import signal
import socket
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "../support"))

import mailrace  # noqa: E402

USER = "nobody"
MAIL = b"Subject: hello\r\n\r\nHi!\r\n"


class Privileges(mailrace.ServerTestCase):
    def setUp(self):
        super().setUp()
        if os.geteuid() != 0:
            self.skipTest("not root")
        self.user = pwd.getpwnam(USER)
        os.chmod(self.directory, 0o755)

    def status(self, server):
        with open(f"/proc/{server.process.pid}/status", encoding="ascii") as file:
            return dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)

    def deliver(self, server):
        with server.connect() as client:
            client.hello()
            return mailrace.accepted_id(client.mail(MAIL))

    def assert_is_nobody(self, server):
        status = self.status(server)
        self.assertEqual(status["Uid"].split(), [str(self.user.pw_uid)] * 4)
        self.assertEqual(status["Gid"].split(), [str(self.user.pw_gid)] * 4)
        self.assertEqual(status["Groups"].split(), [str(self.user.pw_gid)])
        for capabilities in ("CapInh", "CapPrm", "CapEff", "CapAmb"):
            self.assertEqual(int(status[capabilities], 16), 0, capabilities)

    def free_low_port(self):
        for port in range(600, 1024):
            with socket.socket() as attempt:
                try:
                    attempt.bind(("127.0.0.1", port))
                    return port
                except OSError:
                    continue
        self.skipTest("no port below 1024")

    def test_ports_and_keys_of_root_and_a_spool_of_the_user(self):
        key = os.path.join(self.directory, "key")
        shutil.copy(f"{mailrace.TLS_DATA}/ecdsa.key", key)
        os.chmod(key, 0o600)
        low = f"127.0.0.1:{self.free_low_port()}"
        server = self.serve("--user", USER, "--listen", low, "--tls-certificate",
                            f"{mailrace.TLS_DATA}/ecdsa.pem,{key}", workers=2)
        self.assert_is_nobody(server)
        self.assertIsNotNone(server.wait_event("lockdown", user=USER))
        self.assertEqual(server.events("runs_as_root"), [])
        self.assertIn(low, [line["address"] for line in server.events("listening")])
        self.deliver(server)
        for place, _, names in os.walk(self.spool):
            for path in [place] + [os.path.join(place, name) for name in names]:
                self.assertEqual(os.stat(path).st_uid, self.user.pw_uid, path)
        # What only root may read cannot be read anew; what was read goes on.
        server.signal(signal.SIGHUP)
        self.assertIn("Permission denied", server.wait_event("tls_file_refused")["what"])
        with server.connect() as client:
            client.start_tls()
            mailrace.expect(client.command("EHLO client.example"), 250)
            mailrace.accepted_id(client.mail(MAIL))

    def test_in_a_root_directory_of_its_own(self):
        root = os.path.join(self.directory, "root")
        os.makedirs(f"{root}/tls")
        for suffix in ("pem", "key"):
            shutil.copy(f"{mailrace.TLS_DATA}/ecdsa.{suffix}", f"{root}/tls")
        server = self.serve("--user", USER, "--chroot", root, "--tls-certificate",
                            "/tls/ecdsa.pem,/tls/ecdsa.key", spool="/spool")
        self.assert_is_nobody(server)
        self.assertEqual(os.readlink(f"/proc/{server.process.pid}/root"), root)
        queue_id = self.deliver(server)
        server.stop()
        code, out, _ = mailrace.run("spool", "show", f"{root}/spool", queue_id)
        self.assertEqual(code, 0)
        self.assertIn("Hi!", out)

    def test_a_spool_of_somebody_else_is_left_alone(self):
        os.mkdir(self.spool, 0o700)
        code, _, err = self.start("--user", USER)
        self.assertEqual(code, 2)
        self.assertIn("Permission denied", err)
        self.assertEqual(os.stat(self.spool).st_uid, 0)
        self.assertEqual(os.listdir(self.spool), [])

    def test_who_cannot_be_become(self):
        for user, what in (("nobody-of-that-name", "there is no such user"), ("root", "is root")):
            code, out, err = self.start("--user", user)
            self.assertEqual((code, out), (2, ""))
            self.assertEqual(err.count("\n"), 1)
            self.assertIn(f"--user {user}: {what}", err)
        code, _, err = self.start("--chroot", self.directory + "/none")
        self.assertEqual(code, 2)
        self.assertIn("--chroot " + self.directory + "/none: No such file or directory", err)

    def start(self, *flags):
        return mailrace.run("serve", "--listen", "127.0.0.1:0", "--domain", "example.com",
                            "--spool", self.spool, *flags)

    def test_root_that_stays_is_told(self):
        server = self.serve()
        self.assertIsNotNone(server.wait_event("runs_as_root"))
        self.deliver(server)


if __name__ == "__main__":
    mailrace.main()
