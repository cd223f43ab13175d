#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""What sslscan finds: versions, cipher suites, groups, and no known weakness."""

import os
import re
import shutil
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "../support"))

import mailrace  # noqa: E402

SUITES_13 = {"TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"}
SUITES_12 = {f"ECDHE-{key}-{cipher}" for key in ("ECDSA", "RSA") for cipher in
             ("AES128-GCM-SHA256", "AES256-GCM-SHA384", "CHACHA20-POLY1305")}
GROUPS = {"secp256r1 (NIST P-256)", "secp384r1 (NIST P-384)", "x25519"}
TRIES = 30


class Sslscan(mailrace.ServerTestCase):
    def setUp(self):
        super().setUp()
        if shutil.which("sslscan") is None:
            self.skipTest("sslscan is not installed")
        server = self.serve("--listen-tls", "127.0.0.1:0", *mailrace.tls_flags())
        self.ports = [port for _, port in server.addresses]

    def scan(self, *arguments):
        done = subprocess.run(["sslscan", "--no-colour", f"--sni-name={mailrace.HOSTNAME}",
                               *arguments], capture_output=True, timeout=mailrace.PATIENCE_S,
                              check=True, preexec_fn=mailrace.die_with_parent)
        return done.stdout.decode()

    def scan_with_tls13(self, *arguments):
        """Its key share for TLS 1.3 is random octets, which change each second; half of them are
        none that X25519 makes."""
        for _ in range(TRIES):
            said = self.scan(*arguments)
            if re.search(r"^TLSv1\.3 +enabled$", said, re.MULTILINE):
                return said
            time.sleep(1)
        return self.fail(f"no TLS 1.3:\n{said}")

    def check(self, said):
        versions = dict(re.findall(r"^((?:SSL|TLS)v[\d.]+) +(enabled|disabled)$", said,
                                   re.MULTILINE))
        self.assertEqual([name for name, state in versions.items() if state == "enabled"],
                         ["TLSv1.2", "TLSv1.3"], said)
        self.assertEqual(len(versions), 6, said)
        suites = re.findall(r"^(?:Preferred|Accepted) +(TLSv1\.\d) +\d+ bits +(\S+) ", said,
                            re.MULTILINE)
        self.assertEqual(set(suites), {("TLSv1.3", suite) for suite in SUITES_13} |
                         {("TLSv1.2", suite) for suite in SUITES_12}, said)
        for version in ("1.2", "1.3"):
            groups = re.findall(rf"^TLSv{version} +\d+ bits +(.+)$", said, re.MULTILINE)
            # In TLS 1.3 it may have had no good key share for it.
            self.assertEqual({*groups, "x25519"}, GROUPS, said)
        self.assertIn("Session renegotiation not supported", said)
        self.assertIn("TLSv1.2 not vulnerable to heartbleed", said)
        self.assertIn("TLSv1.3 not vulnerable to heartbleed", said)

    def test_starttls(self):
        self.check(self.scan_with_tls13("--starttls-smtp", f"127.0.0.1:{self.ports[0]}"))

    def test_implicit(self):
        self.check(self.scan_with_tls13(f"127.0.0.1:{self.ports[1]}"))


if __name__ == "__main__":
    mailrace.main()
