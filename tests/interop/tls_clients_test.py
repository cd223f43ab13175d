#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Clients as they are installed deliver under TLS: by STARTTLS and from the first octet, TLS 1.2
and 1.3, and openssl resumes."""

import os
import shutil
import subprocess
import sys
import unittest

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, os.path.join(HERE, "../support"))
sys.path.insert(0, HERE)

import mailrace  # noqa: E402
import postfix  # noqa: E402

ROOT = f"{mailrace.TLS_DATA}/root.pem"


def run(*command, text=""):
    done = subprocess.run(command, input=text.encode(), capture_output=True, check=False,
                          timeout=mailrace.PATIENCE_S, preexec_fn=mailrace.die_with_parent)
    return done.returncode, (done.stdout + done.stderr).decode(errors="replace")


class TlsClients(mailrace.ServerTestCase):
    def setUp(self):
        super().setUp()
        self.server = self.serve("--listen-tls", "127.0.0.1:0", *mailrace.tls_flags())
        self.ports = [port for _, port in self.server.addresses]

    @unittest.skipUnless(shutil.which("curl"), "no curl")
    def test_curl(self):
        for scheme, port in (("smtp", self.ports[0]), ("smtps", self.ports[1])):
            for version, told in (("1.2", "TLS1.2"), ("1.3", "TLS1.3")):
                sender = f"{scheme}.{version}@example.org"
                status, said = run(
                    "curl", "-sS", "--ssl-reqd", "--cacert", ROOT, f"--tlsv{version}",
                    "--tls-max", version, "--resolve", f"mx.example.com:{port}:127.0.0.1",
                    f"{scheme}://mx.example.com:{port}", "--mail-from", sender,
                    "--mail-rcpt", "user@example.com", "-T", "-", text="hello\r\n")
                self.assertEqual((status, said), (0, ""))
                self.assertIsNotNone(self.server.wait_event(
                    "message", mail_from=sender, tls=told, sni="mx.example.com"))

    @unittest.skipUnless(mailrace.IS_ROOT and os.path.isdir(postfix.DAEMONS), "no Postfix or root")
    def test_postfix(self):
        directory = os.path.join(self.directory, "postfix")
        os.chmod(self.directory, 0o755)
        os.mkdir(directory)
        main_cf = (f"myhostname = client.example\nmydestination =\n"
                   f"relayhost = [127.0.0.1]:{self.ports[0]}\nsmtp_tls_security_level = encrypt\n")
        manager = "tlsmgr unix - - n 1000? 1 tlsmgr\n"  # its random numbers
        with postfix.Postfix(directory, main_cf, manager) as instance:
            instance.sendmail(["-f", "postfix@example.org", "user@example.com"], b"hello\n")
            told = self.server.wait_event("message", mail_from="postfix@example.org")
            self.assertIsNotNone(told, instance.log())
            self.assertEqual(told["tls"], "TLS1.3")

    @unittest.skipUnless(shutil.which("openssl"), "no openssl")
    def test_openssl_resumes(self):
        kept = os.path.join(self.directory, "session")
        for version in ("-tls1_2", "-tls1_3"):
            base = ("openssl", "s_client", "-starttls", "smtp", "-connect",
                    f"127.0.0.1:{self.ports[0]}", "-servername", "mx.example.com", "-CAfile", ROOT,
                    "-verify_return_error", "-crlf", "-ign_eof", version)
            words = "EHLO client.example\nQUIT\n"
            status, said = run(*base, "-sess_out", kept, text=words)
            self.assertEqual(status, 0, said)
            self.assertIn("New, TLS", said)
            status, said = run(*base, "-sess_in", kept, text=words)
            self.assertEqual(status, 0, said)
            self.assertIn("Reused, TLS", said)
            self.assertIn("221 2.0.0", said)


if __name__ == "__main__":
    mailrace.main()
