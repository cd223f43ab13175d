#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Clients as they are installed deliver under TLS: by STARTTLS and from the first octet, TLS 1.2
and 1.3; those that can resume do.

    tls_clients_test.py TlsClients.test_curl
"""

import dataclasses
import os
import shutil
import smtplib
import ssl
import subprocess
import sys

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, os.path.join(HERE, "../support"))
sys.path.insert(0, HERE)

import exim  # noqa: E402
import mailrace  # noqa: E402
import postfix  # noqa: E402

ROOT = f"{mailrace.TLS_DATA}/root.pem"
NAME = mailrace.HOSTNAME
VERSIONS = ("1.2", "1.3")
# A mail for clients that only carry octets.
DIALOG = ("EHLO client.example\r\nMAIL FROM:<{way.sender}>\r\nRCPT TO:<{way.recipient}>\r\n"
          "BDAT 7 LAST\r\nhello\r\nQUIT\r\n")


@dataclasses.dataclass(frozen=True)
class Way:
    """How a mail is to come; it has a domain of its own, by which Postfix and Exim choose it."""

    is_implicit: bool
    version: str
    port: int = 0

    @property
    def name(self):
        return f"{'implicit' if self.is_implicit else 'starttls'}{self.version.replace('.', '')}"

    @property
    def domain(self):
        return f"{self.name}.example.com"

    @property
    def recipient(self):
        return f"user@{self.domain}"

    @property
    def sender(self):
        return f"{self.name}@example.org"

    @property
    def underscored(self):
        return self.version.replace(".", "_")

    @property
    def priority(self):
        """GnuTLS's word for the version."""
        return f"NORMAL:-VERS-ALL:+VERS-TLS{self.version}"


def run(*command, text=""):
    """Runs a client, which must succeed. Returns what it said."""
    done = subprocess.run(command, input=text.encode(), capture_output=True, check=False,
                          timeout=mailrace.PATIENCE_S, preexec_fn=mailrace.die_with_parent)
    said = (done.stdout + done.stderr).decode(errors="replace")
    assert done.returncode == 0, f"{command}: {done.returncode}\n{said}"
    return said


class TlsClients(mailrace.ServerTestCase):
    def setUp(self):
        super().setUp()
        ways = [Way(is_implicit, version) for is_implicit in (False, True) for version in VERSIONS]
        self.server = self.serve("--listen-tls", "127.0.0.1:0", *mailrace.tls_flags(),
                                 domains=[way.domain for way in ways])
        self.ways = [dataclasses.replace(way, port=self.server.addresses[way.is_implicit][1])
                     for way in ways]

    def require(self, program):
        if shutil.which(program) is None:
            self.skipTest(f"{program} is not installed")

    def assert_came(self, way, said="", **members):
        """That the mail of this way came so. members   of its line in the log, beside that."""
        told = self.server.wait_event("message", mail_from=way.sender, tls=f"TLS{way.version}",
                                      **members)
        self.assertIsNotNone(told, f"{way}: {self.server.events('message')}\n{said}")

    def test_curl(self):
        self.require("curl")
        for way in self.ways:
            scheme = "smtps" if way.is_implicit else "smtp"
            run("curl", "-sS", "--ssl-reqd", "--cacert", ROOT, f"--tlsv{way.version}",
                "--tls-max", way.version, "--resolve", f"{NAME}:{way.port}:127.0.0.1",
                f"{scheme}://{NAME}:{way.port}", "--mail-from", way.sender,
                "--mail-rcpt", way.recipient, "-T", "-", text="hello\r\n")
            self.assert_came(way, sni=NAME)

    def test_gnutls(self):
        self.require("gnutls-cli")
        for way in self.ways:
            starttls = [] if way.is_implicit else ["--starttls-proto=smtp"]
            said = run("gnutls-cli", "127.0.0.1", f"--port={way.port}", *starttls, "--resume",
                       f"--priority={way.priority}", f"--x509cafile={ROOT}",
                       f"--sni-hostname={NAME}", f"--verify-hostname={NAME}",
                       text=DIALOG.format(way=way))
            self.assertIn("*** This is a resumed session", said)
            self.assert_came(way, said, resumed=True, sni=NAME)

    def test_msmtp(self):
        self.require("msmtp")
        for way in self.ways:
            starttls = "off" if way.is_implicit else "on"
            run("msmtp", "--file=/dev/null", "--host=127.0.0.1", f"--port={way.port}",
                "--domain=client.example", f"--from={way.sender}", "--auth=off", "--tls=on",
                f"--tls-starttls={starttls}", f"--tls-trust-file={ROOT}",
                f"--tls-host-override={NAME}", f"--tls-priorities={way.priority}", "--",
                way.recipient, text="Subject: hello\n\nhello\n")
            self.assert_came(way, sni=NAME)

    def test_openssl(self):
        self.require("openssl")
        kept = os.path.join(self.directory, "session")
        for way in self.ways:
            starttls = [] if way.is_implicit else ["-starttls", "smtp"]
            base = ("openssl", "s_client", *starttls, "-connect", f"127.0.0.1:{way.port}",
                    "-servername", NAME, "-verify_hostname", NAME, "-CAfile", ROOT,
                    "-verify_return_error", "-ign_eof", f"-tls{way.underscored}")
            said = run(*base, "-sess_out", kept, text="QUIT\r\n")
            self.assertIn("New, TLS", said)
            said = run(*base, "-sess_in", kept, text=DIALOG.format(way=way))
            self.assertIn("Reused, TLS", said)
            self.assertIn("221 2.0.0", said)
            self.assert_came(way, said, resumed=True, sni=NAME)

    def test_smtplib(self):
        for way in self.ways:
            context = mailrace.tls_context(ssl.TLSVersion[f"TLSv{way.underscored}"])
            context.check_hostname = False  # it would be the address
            make = smtplib.SMTP_SSL if way.is_implicit else smtplib.SMTP
            options = {"context": context} if way.is_implicit else {}
            with make("127.0.0.1", way.port, local_hostname="client.example",
                      timeout=mailrace.PATIENCE_S, **options) as client:
                if not way.is_implicit:
                    client.starttls(context=context)
                client.sendmail(way.sender, way.recipient, b"hello\r\n")
            self.assert_came(way)

    def test_swaks(self):
        self.require("swaks")
        for way in self.ways:
            run("swaks", "--server", "127.0.0.1", "--port", str(way.port), "--helo",
                "client.example", "--from", way.sender, "--to", way.recipient,
                "--tls-on-connect" if way.is_implicit else "--tls",
                "--tls-protocol", f"tlsv{way.underscored}", "--tls-verify",
                "--tls-ca-path", ROOT, "--tls-sni", NAME, "--data", "Subject: hello\n\nhello\n")
            self.assert_came(way, sni=NAME)

    def test_postfix(self):
        postfix.require()
        directory = os.path.join(self.directory, "postfix")
        os.chmod(self.directory, 0o755)
        os.mkdir(directory)
        routes = " ".join(f"{{ {way.domain} = {way.name}:[127.0.0.1]:{way.port} }}"
                          for way in self.ways)
        main_cf = (f"myhostname = client.example\nmydestination =\n"
                   f"transport_maps = inline:{{ {routes} }}\n"
                   f"smtp_tls_security_level = secure\nsmtp_tls_CAfile = {ROOT}\n"
                   f"smtp_tls_secure_cert_match = {NAME}\nsmtp_tls_servername = {NAME}\n"
                   "smtp_tls_session_cache_database = btree:$data_directory/sessions\n")
        master_cf = "tlsmgr unix - - n 1000? 1 tlsmgr\n" + "".join(
            f"{way.name} unix - - n - - smtp\n"
            f" -o smtp_tls_wrappermode={'yes' if way.is_implicit else 'no'}\n"
            f" -o {{ smtp_tls_mandatory_protocols = >=TLSv{way.version}, <=TLSv{way.version} }}\n"
            for way in self.ways)
        with postfix.Postfix(directory, main_cf, master_cf) as instance:
            for members in ({}, {"resumed": True}):
                for way in self.ways:
                    instance.sendmail(["-f", way.sender, way.recipient], b"hello\n")
                    self.assert_came(way, instance.log(), sni=NAME, **members)

    def test_exim(self):
        exim.require()
        directory = os.path.join(self.directory, "exim")
        os.chmod(self.directory, 0o755)
        os.mkdir(directory)
        instance = exim.Exim(directory, [
            (way.name, way.domain, way.port,
             {"hosts_avoid_tls": ":", "hosts_require_tls": "*",
              "tls_verify_certificates": ROOT, "tls_verify_hosts": "*",
              "tls_verify_cert_hostnames": ":", "tls_sni": NAME, "tls_resumption_hosts": "*",
              "tls_require_ciphers": way.priority,
              "protocol": "smtps" if way.is_implicit else "smtp"})
            for way in self.ways])
        for is_first in (True, False):
            for way in self.ways:
                instance.sendmail(["-f", way.sender, way.recipient], b"hello\n")
                # It resumes what it began by STARTTLS only.
                members = {} if is_first or way.is_implicit else {"resumed": True}
                self.assert_came(way, instance.log(), sni=NAME, **members)


if __name__ == "__main__":
    mailrace.main()
