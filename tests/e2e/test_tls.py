#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""TLS on the wire: handshakes that go wrong, streams cut anywhere, what is told of a session."""

import os
import re
import socket
import ssl
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "../support"))

import mailrace  # noqa: E402

VERSIONS = (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3)
IN_FLIGHT_MAX = 4096  # core::kTlsHandshakesInFlightMax
FATAL_ALERT = re.compile(rb"\x15\x03[\x00-\x04]\x00\x02\x02.", re.DOTALL)


def client_hello(context=None):
    """The first flight of a client, as octets."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = (context or mailrace.tls_context()).wrap_bio(incoming, outgoing,
                                                       server_hostname=mailrace.HOSTNAME)
    try:
        tls.do_handshake()
    except ssl.SSLWantReadError:
        pass
    return outgoing.read()


def session_of_another_server(context):
    """What a client keeps of a session with a server of OpenSSL's."""
    issuer = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    issuer.load_cert_chain(f"{mailrace.TLS_DATA}/ecdsa.pem", f"{mailrace.TLS_DATA}/ecdsa.key")
    to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = context.wrap_bio(to_client, to_server, server_hostname=mailrace.HOSTNAME)
    server = issuer.wrap_bio(to_server, to_client, server_side=True)
    for step in (client.do_handshake, server.do_handshake) * 2 + (lambda: client.read(1),):
        try:
            step()
        except ssl.SSLWantReadError:
            pass
    return client.session


class TlsTestCase(mailrace.ServerTestCase):
    def serve_tls(self, *flags, certificates=(), **options):
        return self.serve("--listen-tls", "127.0.0.1:0", *mailrace.tls_flags(*certificates), *flags,
                          **options)

    def implicit(self, server, **options):
        return self.client(server, address=server.addresses[1], **options)

    def still_serves(self, server):
        with server.connect() as client:
            client.start_tls()
            mailrace.expect(client.command("EHLO client.example"), 250)
            mailrace.accepted_id(client.mail(b"still here\r\n"))


class Handshake(TlsTestCase):
    def test_in_pieces_of_any_size(self):
        server = self.serve_tls()
        for version in VERSIONS:
            for piece in (1, 3, 5, 100):
                client = self.implicit(server)
                client.begin_tls(mailrace.tls_context(version), piece=piece).hello()
                mailrace.accepted_id(client.mail(b"in pieces\r\n" * 300))

    def test_a_greeting_that_waits_does_not_hold_it_up(self):
        server = self.serve_tls("--greeting-delay", "30s")  # longer than a client here waits
        for version in VERSIONS:
            self.implicit(server).begin_tls(mailrace.tls_context(version))

    def test_it_is_told_in_the_log_and_in_the_trace(self):
        server = self.serve_tls()
        client = self.client(server).start_tls(mailrace.tls_context(ssl.TLSVersion.TLSv1_2))
        mailrace.expect(client.command("EHLO client.example"), 250)
        id_ = mailrace.accepted_id(client.mail(b"told\r\n"))
        line = server.wait_event("message", id=id_)
        cipher = "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"
        self.assertEqual((line["tls"], line["cipher"], line["sni"]),
                         ("TLS1.2", cipher, "mx.example.com"))
        client.close()
        server.stop()
        mail, = mailrace.exported(self.spool)
        self.assertIn(f"(version=TLS1.2 cipher={cipher} group=".encode(), mail.received)
        self.assertEqual((mail.envelope["tls"], mail.envelope["cipher"]), ("TLS1.2", cipher))

    def test_certificates_by_name(self):
        server = self.serve_tls(certificates=("ecdsa", "other"))
        for name in ("mx.example.com", "mx.example.net", "any.example.net"):
            self.implicit(server).begin_tls(server_name=name).hello()  # verifies the name
        with self.assertRaises(ssl.SSLCertVerificationError):
            self.implicit(server).begin_tls(server_name="elsewhere.test")

    def test_old_versions_are_refused(self):
        server = self.serve_tls("--tls-min-version", "1.3")
        with self.assertRaises(ssl.SSLError):
            self.implicit(server).begin_tls(mailrace.tls_context(ssl.TLSVersion.TLSv1_2))
        self.still_serves(server)

    def test_other_groups_are_refused(self):
        server = self.serve_tls()
        for version in VERSIONS:
            context = mailrace.tls_context(version)
            context.set_ecdh_curve("secp521r1")
            with self.assertRaises(ssl.SSLError):
                self.implicit(server).begin_tls(context)
        self.still_serves(server)

    def test_more_handshakes_than_a_worker_may_have_in_flight(self):
        """Clients that say hello, take the answer, and nothing more."""
        if not mailrace.raise_descriptor_limit(IN_FLIGHT_MAX + 200):
            self.skipTest("too few descriptors")
        server = self.serve_tls("--timeout-tls-handshake", "5m")
        hello = client_hello()
        begun = []
        for _ in range(IN_FLIGHT_MAX):
            begun.append(self.enterContext(socket.create_connection(server.addresses[1],
                                                                    mailrace.PATIENCE_S)))
            begun[-1].sendall(hello)
        for connection in begun:
            self.assertEqual(connection.recv(1), b"\x16")
        for _ in range(20):  # more than may begin in a tick
            self.still_serves(server)
        self.implicit(server).begin_tls().hello()
        self.assertIsNotNone(server.wait_event("tls_failure", reason="too many handshakes"))
        while begun[0].recv(65536):  # the oldest one gave way
            pass
        begun[-1].setblocking(False)
        with self.assertRaises(BlockingIOError):
            while begun[-1].recv(65536):
                pass

    def test_clients_that_must_say_hello_twice(self):
        """Their key share is of a group that is not ours. More at once than a tick takes."""
        server = self.serve_tls()
        clients = [subprocess.Popen(
            ["openssl", "s_client", "-starttls", "smtp", "-connect",
             f"127.0.0.1:{server.address[1]}", "-tls1_3", "-groups", "P-521:X25519", "-ign_eof",
             "-msg"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            preexec_fn=mailrace.die_with_parent) for _ in range(12)]
        for client in clients:
            said, _ = client.communicate(b"QUIT\r\n", mailrace.PATIENCE_S)
            self.assertEqual(said.count(b", ClientHello\n"), 2)
            self.assertIn(b"Server Temp Key: X25519", said)
            self.assertIn(b"221 2.0.0", said)
        self.still_serves(server)

    def test_a_ticket_of_another_server_is_passed_over(self):
        server = self.serve_tls()
        for version in VERSIONS:
            context = mailrace.tls_context(version)
            session = session_of_another_server(context)
            self.assertTrue(session.has_ticket)
            client = self.implicit(server).begin_tls(context, session=session).hello()
            self.assertFalse(client.tls.object.session_reused)

    def test_resumption_at_every_worker(self):
        server = self.serve_tls(workers=2)
        for version in VERSIONS:
            context = mailrace.tls_context(version)
            session = None
            resumed = 0
            for _ in range(12):
                client = self.implicit(server).begin_tls(context, session=session).hello()
                resumed += client.tls.object.session_reused
                session = client.tls.object.session
                client.close()
            self.assertEqual(resumed, 11)

    def test_a_client_certificate_is_recorded(self):
        server = self.serve_tls("--tls-request-certificate")
        for version in VERSIONS:
            context = mailrace.tls_context(version)
            context.load_cert_chain(f"{mailrace.TLS_DATA}/client.pem",
                                    f"{mailrace.TLS_DATA}/client.key")
            client = self.implicit(server).begin_tls(context).hello()
            id_ = mailrace.accepted_id(client.mail(b"known\r\n"))
            line = server.wait_event("message", id=id_)
            self.assertEqual(line["client_cn"], "client ?of tests?.example")
        self.still_serves(server)  # without one


class BadHandshake(TlsTestCase):
    def failed_with(self, server, reason):
        line = server.wait_event("tls_failure", reason=reason)
        self.assertIsNotNone(line, server.events("tls_failure"))

    def test_garbage_in_the_place_of_a_client_hello(self):
        server = self.serve_tls()
        for garbage in (b"EHLO client.example\r\n", b"\0" * 100, b"\x80\x2e\x01\x00\x02" * 9,
                        b"\x16\x03\x01\x00\x05\x02\x00\x00\x01x"):
            client = self.implicit(server)
            client.send(garbage)
            self.assertRegex(client.rest(), FATAL_ALERT)
            self.failed_with(server, "no ClientHello")
            client = self.client(server).hello()
            mailrace.expect(client.command("STARTTLS"), 220)
            client.send(garbage)
            self.assertRegex(client.rest(), FATAL_ALERT)
        self.still_serves(server)

    def test_a_handshake_cut_anywhere(self):
        server = self.serve_tls()
        hello = client_hello()
        for size in (0, 1, 5, 6, 100, len(hello) - 1, len(hello)):
            for end in ("close", "half_close", "reset"):
                client = self.implicit(server)
                if size:
                    client.send(hello[:size])
                getattr(client, end)()
        self.failed_with(server, "closed by the client")
        self.still_serves(server)

    def test_alert_storms(self):
        server = self.serve_tls()
        warning = b"\x15\x03\x03\x00\x02\x01\x5a"
        client = self.implicit(server)
        client.send(warning * 1000)
        client.rest()
        client = self.implicit(server)
        client.send(client_hello() + warning * 1000)
        client.rest()
        client = self.implicit(server).begin_tls().hello()
        client.socket.sendall(warning * 1000)  # in the clear, under TLS
        with self.assertRaises((ssl.SSLError, mailrace.ConnectionEnded)):
            client.reply()
        self.still_serves(server)

    def test_a_slow_handshake_ends(self):
        server = self.serve_tls("--timeout-tls-handshake", "3s")
        hello = client_hello()
        begun = [self.implicit(server) for _ in range(3)]
        begun[1].send(hello[:10])
        begun[2].send(hello)
        for client in begun:
            self.assertIsNot(client.rest(), None)
        self.failed_with(server, "timeout")
        self.still_serves(server)

    def test_octets_that_came_before_the_handshake_are_not_answered_under_it(self):
        server = self.serve_tls()
        for behind in (b"RSET\r\n", b"MAIL FROM:<a@example.org>\r\n", client_hello()):
            client = self.client(server).hello()
            client.send(b"STARTTLS\r\n" + behind)
            self.assertTrue(client.line().startswith("554 5.5.1 "))
            self.assertEqual(client.rest(), b"")
        # Behind the reply they are TLS, or nothing.
        client = self.client(server).hello()
        mailrace.expect(client.command("STARTTLS"), 220)
        client.send(b"MAIL FROM:<a@example.org>\r\n" + client_hello())
        self.assertRegex(client.rest(), FATAL_ALERT)
        self.still_serves(server)


class Session(TlsTestCase):
    def test_a_record_that_was_changed_ends_it_and_nothing_is_stored(self):
        server = self.serve_tls()
        client = self.implicit(server).begin_tls().hello()
        client.begin_data()
        client.send(b"begun\r\n")
        client.tls.object.write(b".\r\n")
        record = bytearray(client.tls.outgoing.read())
        record[-1] ^= 1
        client.socket.sendall(record)
        with self.assertRaises((ssl.SSLError, mailrace.ConnectionEnded)):
            client.reply()
        self.assertIsNotNone(server.wait_event("tls_failure"))
        server.stop()
        self.assertEqual(mailrace.exported(self.spool), [])

    def test_a_bad_record_behind_the_last_chunk_costs_nobody_else_anything(self):
        """All that the mail needs is there, and waits in the session when decryption fails."""
        server = self.serve_tls()
        for ending in ("changed", "alert"):
            client = self.implicit(server).begin_tls().hello()
            for line in ("MAIL FROM:<sender@example.org>", "RCPT TO:<user@example.com>"):
                mailrace.expect(client.command(line), 250)
            client.tls.object.write(b"BDAT 7 LAST\r\nwhole\r\n")
            records = client.tls.outgoing.read()
            client.tls.object.write(b"NOOP\r\n")
            behind = bytearray(client.tls.outgoing.read())
            behind[-1] ^= 1
            alert = b"\x15\x03\x03\x00\x02\x02\x28"
            client.socket.sendall(records + (bytes(behind) if ending == "changed" else alert))
            self.assertIsNotNone(server.wait_event("tls_failure"))
            self.still_serves(server)

    def test_keys_that_change_over_and_over_end_a_session(self):
        server = self.serve_tls()
        client = subprocess.Popen(
            ["openssl", "s_client", "-starttls", "smtp", "-connect",
             f"127.0.0.1:{server.address[1]}", "-tls1_3"], bufsize=0, stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            preexec_fn=mailrace.die_with_parent)
        with client:
            try:
                while client.poll() is None and not server.events("tls_failure"):
                    client.stdin.write(b"k\n")  # alone in a read it is a change of keys
                    time.sleep(0.0005)
            except BrokenPipeError:
                pass
            client.kill()
        self.assertIsNotNone(server.wait_event("tls_failure", reason="too much without mail"))
        self.still_serves(server)

    def test_a_stream_cut_in_mail_data_stores_nothing(self):
        server = self.serve_tls()
        for end in ("half_close", "close", "reset"):
            client = self.implicit(server).begin_tls().hello()
            client.begin_data()
            client.send(b"begun\r\n.\r")
            if end == "half_close":
                client.socket.shutdown(socket.SHUT_WR)  # without close_notify
            else:
                getattr(client, end)()
        self.still_serves(server)
        server.stop()
        self.assertEqual([mail.content for mail in mailrace.exported(self.spool)],
                         [b"still here\r\n"])

    def test_pending_replies_come_behind_close_notify(self):
        server = self.serve_tls()
        for version in VERSIONS:
            client = self.implicit(server).begin_tls(mailrace.tls_context(version)).hello()
            client.send(b"NOOP\r\nNOOP\r\n")
            client.half_close()
            mailrace.expect(client.reply(), 250)
            mailrace.expect(client.reply(), 250)
            self.assertEqual(client.rest(), b"")

    def test_close_notify_comes_behind_221(self):
        server = self.serve_tls()
        for version in VERSIONS:
            client = self.implicit(server).begin_tls(mailrace.tls_context(version)).hello()
            mailrace.expect(client.command("QUIT"), 221)
            while True:
                try:
                    # Nothing is the end that was said; one that was not raises SSLEOFError.
                    self.assertEqual(client.tls.object.read(100), b"")
                    break
                except ssl.SSLWantReadError:
                    client.tls.fill()

    def test_large_mail_and_many_commands_in_one_record(self):
        server = self.serve_tls()
        content = b"%0998d\r\n" % 7 * 3000
        client = self.implicit(server).begin_tls().hello()
        mailrace.accepted_id(client.mail(content))
        for sizes in ((), (1000,), (70000, 1)):
            mailrace.accepted_id(client.mail_in_chunks(content[:500000], sizes))
        client.send(b"NOOP\r\n" * 900)  # more replies than there is room for
        for _ in range(900):
            mailrace.expect(client.reply(), 250)
        client.close()
        server.stop()
        self.assertEqual([mail.content for mail in mailrace.exported(self.spool)],
                         [content] + [content[:500000]] * 3)

    def test_sessions_end_when_the_server_does(self):
        server = self.serve_tls()
        client = self.implicit(server).begin_tls().hello()
        begun = self.implicit(server)
        begun.send(client_hello()[:50])
        server.signal(15)
        mailrace.expect(client.reply(), 421)
        self.assertEqual(client.rest(), b"")
        self.assertEqual(begun.rest(), b"")
        self.assertEqual(server.wait(), 0)

    def test_behind_a_proxy(self):
        server = self.serve_tls("--proxy-protocol-from", "127.0.0.1")
        header = b"PROXY TCP4 192.0.2.1 192.0.2.2 4660 465\r\n"
        client = self.implicit(server)
        client.send(header)
        client.begin_tls().hello()
        id_ = mailrace.accepted_id(client.mail(b"proxied\r\n"))
        self.assertEqual(server.wait_event("message", id=id_)["peer"], "192.0.2.1:4660")


class Flags(mailrace.ServerTestCase):
    def refused(self, *flags):
        status, out, err = mailrace.run("serve", "--check", "--domain", "example.com",
                                        "--spool", self.spool, *flags)
        self.assertEqual((status, out), (2, ""))
        return err

    def test_what_does_not_work_is_said_before_anything_runs(self):
        data = mailrace.TLS_DATA
        for flags, words in (
                (("--listen-tls", "127.0.0.1:0"), "--tls-certificate: none given"),
                (("--listen", "127.0.0.1:0,tls-required"), "--tls-certificate: none given"),
                (("--listen-tls", "127.0.0.1:0,tls-required"), "tls-required is for --listen"),
                (("--tls-certificate", f"{data}/ecdsa.pem,{data}/other.key"), "not the"),
                (("--tls-certificate", f"{data}/none.pem,{data}/none.key"), "No such file"),
                (("--tls-certificate", self.directory), "no certificate in it"),
                ((*mailrace.tls_flags(), "--tls-ticket-keys", f"{data}/root.pem"), "48 octets")):
            self.assertIn(words, self.refused(*flags))

    def test_the_keys_file_may_be_shared(self):
        path = os.path.join(self.directory, "keys")
        with open(path, "wb") as file:
            file.write(os.urandom(96))
        context = mailrace.tls_context(ssl.TLSVersion.TLSv1_2)
        session = None
        for name in ("one", "other"):  # machines
            server = self.serve(*mailrace.tls_flags(), "--tls-ticket-keys", path,
                                spool=os.path.join(self.directory, name))
            client = self.client(server).start_tls(context, session=session)
            self.assertEqual(client.tls.object.session_reused, session is not None)
            session = client.tls.object.session


if __name__ == "__main__":
    mailrace.main()
