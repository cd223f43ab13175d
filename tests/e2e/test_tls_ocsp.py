#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""OCSP responses are stapled from a file, to clients that ask, as long as they can be used."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "../support"))

import mailrace  # noqa: E402

STAPLED = "OCSP Response Status: successful (0x0)"
NOT_STAPLED = "OCSP response: no response sent"


class Ocsp(mailrace.ServerTestCase):
    def setUp(self):
        super().setUp()
        self.chain = os.path.join(self.directory, "fullchain.pem")
        shutil.copy(f"{mailrace.TLS_DATA}/stapled.pem", self.chain)
        shutil.copy(f"{mailrace.TLS_DATA}/stapled.key",
                    os.path.join(self.directory, "privkey.pem"))

    def put(self, response):
        shutil.copy(f"{mailrace.TLS_DATA}/{response}", self.chain + ".ocsp")

    def serve_directory(self, *flags):
        return self.serve("--tls-certificate", self.directory, *flags)

    def said(self, server, version, *flags):
        """What openssl tells of a session that must be well."""
        done = subprocess.run(
            ["openssl", "s_client", "-starttls", "smtp", "-connect",
             f"127.0.0.1:{server.address[1]}", "-servername", mailrace.HOSTNAME, "-CAfile",
             f"{mailrace.TLS_DATA}/stapled.pem", "-verify_return_error", "-ign_eof", version,
             *flags], input=b"QUIT\r\n", capture_output=True, timeout=mailrace.PATIENCE_S,
            check=False, preexec_fn=mailrace.die_with_parent)
        said = done.stdout.decode(errors="replace")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("221 2.0.0", said)
        return said

    def test_to_clients_that_ask(self):
        self.put("stapled.ocsp")
        server = self.serve_directory()
        told = server.wait_event("tls_ocsp_response")
        self.assertEqual(told["file"], self.chain + ".ocsp")
        kept = os.path.join(self.directory, "session")
        for version in ("-tls1_2", "-tls1_3"):
            said = self.said(server, version, "-status", "-sess_out", kept)
            self.assertIn(STAPLED, said)
            self.assertIn("Cert Status: good", said)
            self.assertNotIn("OCSP", self.said(server, version))
            # Nothing to staple it to.
            said = self.said(server, version, "-status", "-sess_in", kept)
            self.assertIn("Reused, ", said)
            self.assertNotIn(STAPLED, said)

    def test_it_comes_and_goes_with_the_file(self):
        server = self.serve_directory()
        self.assertIn(NOT_STAPLED, self.said(server, "-tls1_3", "-status"))
        self.put("stapled.ocsp")
        self.assertIsNotNone(server.wait_event("tls_reload", result="all"))  # by itself
        self.until(server, STAPLED)
        os.unlink(self.chain + ".ocsp")
        server.signal(signal.SIGHUP)
        self.until(server, NOT_STAPLED)

    def until(self, server, words):
        """Workers take it at their next tick."""
        for _ in range(int(mailrace.PATIENCE_S * 10)):
            if words in self.said(server, "-tls1_2", "-status"):
                return
        self.fail(f"no {words}")

    def test_its_end_is_told_once(self):
        server = self.serve_directory()
        with open(f"{mailrace.TLS_DATA}/stapled.ocsp", "rb") as file:
            response = file.read()
        # Nobody verifies the signature here; the last time that it names is nextUpdate.
        until = re.findall(rb"\d{14}Z", response)[-1]
        end = time.strftime("%Y%m%d%H%M%SZ", time.gmtime(time.time() + 5)).encode()
        with open(self.chain + ".ocsp", "wb") as file:
            file.write(response.replace(until, end))
        server.signal(signal.SIGHUP)
        self.assertIsNotNone(server.wait_event("tls_ocsp_response"))
        told = server.wait_event("tls_ocsp_response_expired")
        self.assertEqual(told["file"], self.chain + ".ocsp")
        self.assertIn(NOT_STAPLED, self.said(server, "-tls1_3", "-status"))
        time.sleep(2)  # two looks
        self.assertEqual(len(server.events("tls_ocsp_response_expired")), 1)

    def test_one_that_cannot_be_used_is_told_and_not_sent(self):
        self.put("old.ocsp")
        server = self.serve_directory("--tls-certificate", f"{mailrace.TLS_DATA}/ecdsa.pem,"
                                      f"{mailrace.TLS_DATA}/ecdsa.key")
        told = server.wait_event("tls_file_refused")
        self.assertEqual(told["what"], f"{self.chain}.ocsp: its time is over")
        for version in ("-tls1_2", "-tls1_3"):
            self.assertIn(NOT_STAPLED, self.said(server, version, "-status"))
        self.put("root.pem")
        server.signal(signal.SIGHUP)
        self.assertIsNotNone(server.wait_event("tls_reload", result="in part"))
        self.assertIn("no OCSP response", server.events("tls_file_refused")[-1]["what"])
        self.assertIn(NOT_STAPLED, self.said(server, "-tls1_3", "-status"))


if __name__ == "__main__":
    VERSION = re.search(r"wolfSSL: (\d+)\.(\d+)\.(\d+)", mailrace.run("--version")[1])
    if tuple(map(int, VERSION.groups())) < (5, 9, 2):
        mailrace.skip_program("this build of wolfSSL staples nothing")
    mailrace.main()
