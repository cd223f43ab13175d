#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""New certificates: by SIGHUP or by themselves, whole or not at all, and no session notices."""

import os
import shutil
import signal
import ssl
import subprocess
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "../support"))

import mailrace  # noqa: E402

RELOADS = int(os.environ.get("MAILRACE_TEST_ROUNDS", "50"))


class Reload(mailrace.ServerTestCase):
    def setUp(self):
        super().setUp()
        self.chain = os.path.join(self.directory, "fullchain.pem")
        self.key = os.path.join(self.directory, "privkey.pem")

    def put(self, name, files=("pem", "key")):
        for suffix, target in (("pem", self.chain), ("key", self.key)):
            if suffix in files:
                shutil.copy(f"{mailrace.TLS_DATA}/{name}.{suffix}", target + ".new")
                os.rename(target + ".new", target)

    def serve_directory(self, *flags, **options):
        self.put("ecdsa")
        return self.serve("--tls-certificate", self.directory, *flags, **options)

    def presented(self, server):
        """The certificate that a new client is shown."""
        with server.connect() as client:
            client.start_tls()
            return client.tls.object.getpeercert(binary_form=True)

    def certificate(self, name):
        with open(f"{mailrace.TLS_DATA}/{name}.pem", encoding="ascii") as file:
            pem = file.read()
        return ssl.PEM_cert_to_DER_cert(pem[:pem.index("END CERTIFICATE-----") + 20])

    def wait_reloads(self, server, count, **members):
        for _ in range(count):
            self.assertIsNotNone(server.wait_event("tls_reload", **members))

    def test_by_signal(self):
        server = self.serve_directory()
        self.assertEqual(self.presented(server), self.certificate("ecdsa"))
        open_session = self.client(server).start_tls()
        self.put("replaced")
        server.signal(signal.SIGHUP)
        self.assertIsNotNone(server.wait_event("tls_reload", result="all"))
        self.until_presented(server, "replaced")
        mailrace.expect(open_session.command("EHLO client.example"), 250)
        mailrace.accepted_id(open_session.mail(b"undisturbed\r\n"))

    def until_presented(self, server, name):
        """Workers take it at their next tick."""
        wanted = self.certificate(name)
        for _ in range(int(mailrace.PATIENCE_S * 100)):
            if self.presented(server) == wanted:
                return
        self.fail(f"{name} is not presented")

    def test_by_itself(self):
        server = self.serve_directory(workers=2)
        self.put("replaced")
        self.assertIsNotNone(server.wait_event("tls_reload", result="all"))
        self.until_presented(server, "replaced")

    def test_a_broken_pair_keeps_the_old_one(self):
        server = self.serve_directory()
        self.put("replaced", files=("pem",))  # its key is not there yet
        server.signal(signal.SIGHUP)
        self.assertIn("not the certificate's", server.wait_event("reload_refused")["what"])
        refusal = server.wait_event("tls_file_refused")  # later, by itself
        self.assertIn("not the certificate's", refusal["what"])
        self.assertIsNotNone(server.wait_event("tls_reload", result="in part"))
        self.assertEqual(self.presented(server), self.certificate("ecdsa"))
        os.unlink(self.chain)
        os.unlink(self.key)
        server.signal(signal.SIGHUP)
        self.assertEqual(self.presented(server), self.certificate("ecdsa"))
        self.put("replaced")
        server.signal(signal.SIGHUP)
        self.until_presented(server, "replaced")

    def test_under_load(self):
        server = self.serve_directory(workers=2)
        failures = []
        done = threading.Event()

        def deliver():
            while not done.is_set():
                try:
                    with server.connect() as client:
                        client.start_tls()
                        mailrace.expect(client.command("EHLO client.example"), 250)
                        mailrace.accepted_id(client.mail(b"under load\r\n"))
                except Exception as error:  # whatever it is, there must be none
                    failures.append(repr(error))
                    return

        threads = [threading.Thread(target=deliver) for _ in range(3)]
        for thread in threads:
            thread.start()
        for count in range(1, RELOADS + 1):
            self.put(("replaced", "ecdsa")[count % 2])
            server.signal(signal.SIGHUP)
            while len(server.events("tls_reload")) < count and not failures:
                threading.Event().wait(0.002)
        done.set()
        for thread in threads:
            thread.join()
        self.assertEqual(failures, [])
        for _ in range(8):  # whichever worker it is
            self.until_presented(server, ("replaced", "ecdsa")[RELOADS % 2])

    def test_the_end_of_a_certificate_is_told(self):
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                        "ec_paramgen_curve:P-256", "-nodes", "-keyout", self.key, "-out",
                        self.chain, "-days", "5", "-subj", "/CN=mx.example.com", "-addext",
                        "subjectAltName=DNS:mx.example.com"], check=True, capture_output=True)
        server = self.serve("--tls-certificate", self.directory)
        told = server.wait_event("tls_certificate_expires")
        self.assertEqual((told["file"], told["days"]), (self.chain, 4))
        server.signal(signal.SIGHUP)
        server.wait_event("tls_reload")
        server.stop()
        self.assertEqual(len(server.events("tls_certificate_expires")), 1, "the same one")


if __name__ == "__main__":
    mailrace.main()
