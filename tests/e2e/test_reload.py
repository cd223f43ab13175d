#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""SIGHUP: configuration, lists and certificates, as a whole or not at all; no session notices."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "../support"))

import mailrace  # noqa: E402

RELOADS = int(os.environ.get("MAILRACE_TEST_ROUNDS", "200"))
MAIL = b"Subject: x\r\n\r\nx\r\n"
BLOCKED = "554 5.7.1 no service for your network"


class Reload(mailrace.ServerTestCase):
    def setUp(self):
        super().setUp()
        os.mkdir(os.path.join(self.directory, "etc"))
        self.config = self.at("mailrace.toml")

    def at(self, name):
        return os.path.join(self.directory, "etc", name)

    def write(self, text, path=None):
        path = path or self.config
        with open(path + ".new", "w", encoding="utf-8") as file:
            file.write(text)
        os.rename(path + ".new", path)

    def serve_config(self, text, *flags, **options):
        self.write(text)
        return self.serve("--config", self.config, *flags, **{"domains": (), **options})

    def hang_up(self, server):
        """SIGHUP. Returns the line that says what came of it."""
        before = sum(len(server.events(event)) for event in ("reloaded", "reload_refused"))
        server.signal(signal.SIGHUP)
        deadline = time.monotonic() + mailrace.PATIENCE_S
        while True:
            lines = [line for line in list(server.log)
                     if line["event"] in ("reloaded", "reload_refused")]
            if len(lines) > before:
                return lines[-1]
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.01)

    def reload(self, server, text):
        self.write(text)
        line = self.hang_up(server)
        self.assertEqual(line["event"], "reloaded", line)
        return line["changed"]

    def refuse(self, server, text):
        self.write(text)
        line = self.hang_up(server)
        self.assertEqual((line["event"], line["level"]), ("reload_refused", "error"), line)
        return line["what"]

    def size_offered(self, server):
        with server.connect() as client:
            mailrace.expect(client.reply(), 220)
            lines = mailrace.expect(client.command("EHLO client.example"), 250).lines
        return next(int(line.split()[1]) for line in lines if line.startswith("SIZE "))

    def until(self, get, wanted):
        """Each worker takes it at the end of its next tick; so often that none has the old."""
        deadline = time.monotonic() + mailrace.PATIENCE_S
        good = 0
        while good < 20:
            good = good + 1 if get() == wanted else 0
            self.assertLess(time.monotonic(), deadline, f"still {get()}")

    def greeting(self, server, source="127.0.0.1"):
        with mailrace.Client(server.address, source=source) as client:
            return str(client.reply()).rstrip()

    # --- what changes, and for whom ---

    def test_new_sessions_have_it_and_old_ones_keep_theirs(self):
        server = self.serve_config('domain = ["one.example"]\nmax-message-size = "64KiB"\n',
                                   workers=2)
        before = self.client(server)
        before.hello()
        changed = self.reload(server, 'domain = ["two.example"]\nmax-message-size = "128KiB"\n')
        self.assertEqual(changed, "domain max-message-size")
        self.until(lambda: self.size_offered(server), 128 << 10)
        mailrace.expect(before.command("MAIL FROM:<a@x.example> SIZE=70000"), 552)
        mailrace.expect(before.command("MAIL FROM:<a@x.example>"), 250)
        mailrace.expect(before.command("RCPT TO:<u@two.example>"), 550)
        mailrace.expect(before.command("RCPT TO:<u@one.example>"), 250)
        mailrace.expect(before.command("RSET"), 250)
        mailrace.accepted_id(before.mail(MAIL, rcpt_to=("u@one.example",)))
        with server.connect() as after:
            after.hello()
            mailrace.expect(after.command("MAIL FROM:<a@x.example> SIZE=70000"), 250)
            mailrace.expect(after.command("RCPT TO:<u@one.example>"), 550)
            mailrace.expect(after.command("RCPT TO:<u@two.example>"), 250)

    def test_settings_are_kept_through_many_reloads(self):
        """Of each of many reloads there is a session, and they end in another order."""
        server = self.serve_config('domain = ["d0.example"]\n')
        clients = []
        for i in range(1, 20):
            clients.append((i - 1, self.client(server).hello()))
            self.reload(server, f'domain = ["d{i}.example"]\n')
            self.wait_for_domain(server, f"d{i}.example")
        for i, client in clients[::2] + clients[1::2]:
            mailrace.accepted_id(client.mail(MAIL, rcpt_to=(f"u@d{i}.example",)))
            mailrace.expect(client.command("QUIT"), 221)
            client.close()

    def wait_for_domain(self, server, domain):
        def reply():
            with server.connect() as client:
                client.hello()
                client.command("MAIL FROM:<a@x.example>")
                return client.command(f"RCPT TO:<u@{domain}>").code
        deadline = time.monotonic() + mailrace.PATIENCE_S
        while reply() != 250:
            self.assertLess(time.monotonic(), deadline)

    def test_limits_come_and_go(self):
        plain = 'domain = ["example.com"]\n'
        few = plain + 'limit = ["any,concurrent=2"]\n'
        server = self.serve_config(plain, workers=2)
        self.assertEqual(self.reload(server, few), "limit")
        time.sleep(0.2)
        held = []
        for expected in ("220 ", "220 ", "421 4.7.0 "):
            held.append(self.client(server))
            self.assertTrue(str(held[-1].reply()).startswith(expected))
        self.assertEqual(self.reload(server, plain + 'limit = ["any,limits=none"]\n'), "limit")
        self.until(lambda: self.greeting(server)[:4], "220 ")
        for client in held:
            client.close()
        self.reload(server, few)
        self.until(lambda: self.greeting(server)[:4], "220 ")  # one at a time, none is left over

    def test_what_stands_around_sessions(self):
        server = self.serve_config('domain = ["example.com"]\nmax-worker-connections = 100\n')
        self.reload(server, 'domain = ["example.com"]\nmax-worker-connections = 1\n'
                            'timeout-command = "1s"\nlog-level = "warning"\n')
        self.until(lambda: self.greeting(server)[:4], "220 ")
        with server.connect() as only:
            only.hello()
            self.assertEqual(self.greeting(server)[:3], "421")
            only.send(b"NOO")
            mailrace.expect(only.reply(), 421)
        self.assertEqual(server.events("refusal"), [], "they are less than warnings now")

    def test_command_line_before_environment_before_file(self):
        self.write('max-message-size = "64KiB"\nmax-hops = 7\n')
        server = self.serve("--config", self.config, "--max-message-size", "1MiB",
                            env={"MAILRACE_MAX_HOPS": "8", "MAILRACE_MAX_ERRORS": "9"})
        changed = self.reload(server, 'max-message-size = "2MiB"\nmax-hops = 20\nmax-errors = 3\n')
        self.assertEqual(changed, "")
        self.assertEqual(self.size_offered(server), 1 << 20)

    def test_without_a_config_file(self):
        server = self.serve()
        self.assertEqual(self.hang_up(server)["changed"], "")
        server.stop()

    # --- as a whole, or not at all ---

    def test_a_mistake_refuses_all_of_it(self):
        block = self.at("block")
        self.write("192.0.2.0/24\n", block)
        plain = f'domain = ["example.com"]\nblock-list = ["{block}"]\n'
        server = self.serve_config(plain + 'max-message-size = "64KiB"\n')
        self.write("127.0.0.1\n", block)
        mistakes = {
            "max-message-size = 128KiB\n": ":3:23: ",
            "max-message-sice = 1000\n": ":3:1: unknown key 'max-message-sice'; did you mean",
            'max-message-size = "1KiB"\n': ":3:1: max-message-size: '1KiB' is not allowed",
            'limit = ["any,concurrent=5", "any,concurrent=x"]\n': ":3:30: limit: ",
            'limit = ["any,concurrent=5", "any,concurrent=6"]\n': ":3:1: limit: ",
            'allow-list = ["/nowhere/list"]\n': ":3:1: allow-list: /nowhere/list: No such file",
        }
        for mistake, where in mistakes.items():
            with self.subTest(mistake=mistake):
                what = self.refuse(server, plain + mistake)
                self.assertTrue(what.startswith(self.config + where), what)
                self.assertNotIn("\n", what)
        os.remove(self.config)
        self.assertEqual(self.hang_up(server)["what"], f"{self.config}: no such file")
        self.assertEqual(len(server.events("lists_loaded")), 1)
        self.assertEqual(self.size_offered(server), 64 << 10)
        self.write("127.0.0.1\nx\n", block)
        what = self.refuse(server, plain + 'max-message-size = "128KiB"\n')
        self.assertIn(f"{block}:2:1: ", what)
        self.assertEqual(self.size_offered(server), 64 << 10)
        self.write("127.0.0.1\n", block)
        self.assertEqual(self.reload(server, plain + 'max-message-size = "128KiB"\n'),
                         "max-message-size")
        self.until(lambda: self.greeting(server), BLOCKED)

    def test_what_needs_a_restart_is_named(self):
        plain = 'domain = ["example.com"]\nmax-hops = 10\n'
        server = self.serve_config(plain, "--spool-io", "buffered")
        for line, flag in (("commit-delay = \"5ms\"", "commit-delay"), ("take-over = true",) * 2,
                           ("max-connections = 7", "max-connections"),
                           ('metrics-listen = "127.0.0.1:1"', "metrics-listen"),
                           ("landlock = false", "landlock")):
            flag = flag.split()[0]
            what = self.refuse(server, f'domain = ["example.com"]\nmax-hops = 11\n{line}\n')
            self.assertEqual(what, f"{self.config}:3:1: {flag}: has another value than at the "
                                   "start, which needs a restart (or --take-over)")
        self.assertEqual(self.reload(server, plain), "", "nothing of it has changed")
        self.write(plain + 'min-free-inodes = 300\n')
        other = self.serve("--config", self.config, domains=(), spool=self.spool + "2")
        self.assertTrue(self.refuse(other, plain).startswith("--min-free-inodes: "))

    # --- certificates ---

    def put_certificate(self, name, place="tls"):
        os.makedirs(self.at(place), exist_ok=True)
        for suffix, target in (("pem", "fullchain.pem"), ("key", "privkey.pem")):
            shutil.copy(f"{mailrace.TLS_DATA}/{name}.{suffix}", self.at(f"{place}/{target}"))

    def offers_tls(self, server):
        with server.connect() as client:
            mailrace.expect(client.reply(), 220)
            return "STARTTLS" in client.command("EHLO client.example").lines

    def test_a_broken_certificate_refuses_all_of_it(self):
        self.put_certificate("ecdsa")
        tls = f'domain = ["example.com"]\ntls-certificate = ["{self.at("tls")}"]\n'
        server = self.serve_config(tls + "max-message-size = 65536\n")
        shutil.copy(f"{mailrace.TLS_DATA}/rsa.key", self.at("tls/privkey.pem"))
        what = self.refuse(server, tls + "max-message-size = 131072\n")
        self.assertTrue(what.startswith(f"{self.config}:2:1: tls-certificate: "), what)
        self.assertIn("not the certificate's", what)
        self.assertEqual(self.size_offered(server), 64 << 10)
        self.put_certificate("ecdsa")
        self.assertEqual(self.reload(server, tls + "max-message-size = 131072\n"),
                         "max-message-size")
        self.assertIsNotNone(server.wait_event("tls_reload", result="all", certificates=1))

    def test_tls_comes_and_goes(self):
        self.put_certificate("ecdsa")
        plain = 'domain = ["example.com"]\n'
        tls = plain + f'tls-certificate = ["{self.at("tls")}"]\n'
        server = self.serve_config(plain, workers=2)
        without = self.client(server).hello()
        self.assertEqual(self.reload(server, tls + 'tls-min-version = "1.3"\n'),
                         "tls-certificate tls-min-version")
        self.until(lambda: self.offers_tls(server), True)
        mailrace.expect(without.command("STARTTLS"), 502)
        mailrace.accepted_id(without.mail(MAIL))
        offered = self.client(server).hello()
        with server.connect() as client:
            client.start_tls()
            self.assertEqual(client.tls.object.version(), "TLSv1.3")
        self.reload(server, plain)
        self.until(lambda: self.offers_tls(server), False)
        mailrace.expect(offered.command("STARTTLS"), 220)  # it was told so
        offered.begin_tls()
        mailrace.expect(offered.command("EHLO client.example"), 250)
        mailrace.accepted_id(offered.mail(MAIL))
        self.reload(server, tls)
        self.until(lambda: self.offers_tls(server), True)

    def test_tls_that_a_listener_needs_does_not_go(self):
        self.put_certificate("ecdsa")
        plain = 'domain = ["example.com"]\n'
        server = self.serve_config(plain + f'tls-certificate = ["{self.at("tls")}"]\n',
                                   "--listen-tls", "127.0.0.1:0")
        self.assertIn("--tls-certificate: none given", self.refuse(server, plain))

    # --- where files are ---

    def test_a_list_elsewhere(self):
        """What was not named at the start is out of reach, and the log says so."""
        plain = 'domain = ["example.com"]\n'
        server = self.serve_config(plain)
        if not server.wait_event("lockdown")["landlock"].startswith("on,"):
            self.skipTest("no Landlock")
        self.write("127.0.0.1\n", self.at("beside"))
        what = self.refuse(server, plain + 'block-list = ["/etc/passwd"]\n')
        self.assertIn("/etc/passwd: Permission denied", what)
        self.assertIn("nothing in /etc was named at the start", what)
        self.assertEqual(self.reload(server, plain + f'block-list = ["{self.at("beside")}"]\n'),
                         "block-list")
        self.until(lambda: self.greeting(server), BLOCKED)
        self.assertEqual(self.reload(server, plain), "block-list")
        self.until(lambda: self.greeting(server)[:4], "220 ")

    def test_paths_from_where_the_server_was_started(self):
        plain = 'domain = ["example.com"]\n'
        self.write(plain)
        server = self.serve("--config", os.path.relpath(self.config), domains=(),
                            spool=os.path.relpath(self.spool))
        self.write("127.0.0.1\n", self.at("beside"))
        for line in ('block-list = ["nowhere/list"]', 'tls-certificate = ["nowhere/a,nowhere/b"]',
                     'tls-certificate = ["nowhere"]'):
            self.assertIn("No such file", self.refuse(server, plain + line + "\n"))
        beside = os.path.relpath(self.at("beside"))
        self.reload(server, plain + f'block-list = ["{beside}"]\n')
        self.until(lambda: self.greeting(server), BLOCKED)

    def test_a_config_file_behind_links_that_is_replaced(self):
        """As Kubernetes does: a link to a directory is what is renamed."""
        for version, size in (("v1", "64KiB"), ("v2", "128KiB")):
            os.mkdir(self.at(version))
            self.write(f'domain = ["example.com"]\nmax-message-size = "{size}"\n',
                       self.at(f"{version}/mailrace.toml"))
        os.symlink("v1", self.at("data"))
        os.symlink("data/mailrace.toml", self.config)
        server = self.serve("--config", self.config, domains=())
        os.symlink("v2", self.at("data.new"))
        os.rename(self.at("data.new"), self.at("data"))
        self.assertEqual(self.hang_up(server)["changed"], "max-message-size")
        self.until(lambda: self.size_offered(server), 128 << 10)

    def test_a_config_file_outside_of_the_root_directory(self):
        if not mailrace.IS_ROOT:
            self.skipTest("not root")
        os.chmod(self.directory, 0o755)
        root = os.path.join(self.directory, "root")
        os.mkdir(root)
        server = self.serve_config('domain = ["example.com"]\n', "--user", "nobody", "--chroot",
                                   root, spool="/spool")
        self.assertIn("is outside of --chroot", self.hang_up(server)["what"])
        server.stop()
        # Without a file all of it can be read again.
        server = self.serve("--user", "nobody", "--chroot", root, spool="/spool")
        self.assertEqual(self.hang_up(server)["event"], "reloaded")

    # --- under load ---

    def test_no_session_fails_under_load(self):
        block = self.at("block")
        self.put_certificate("ecdsa")
        self.write("192.0.2.0/24\n", block)

        def text(i):
            return (f'domain = ["example.com", "d{i}.example"]\nmax-hops = {20 + i}\n'
                    f'block-list = ["{block}"]\ntls-certificate = ["{self.at("tls")}"]\n'
                    f'limit = ["any,concurrent={1000 + i}"]\n')

        server = self.serve_config(text(0), workers=2)
        host, port = server.address
        command = [mailrace.PROGRAM, "load", "--target", f"{host}:{port}", "--rcpt",
                   "user@example.com", "--connections", "8", "--messages-per-connection", "3",
                   "--duration", "1h", "--allow-generator-limit", "--json"]
        loads = [subprocess.Popen([*command, "--tls", tls], stdout=subprocess.PIPE,
                                  env=mailrace.clean_environment(),
                                  preexec_fn=mailrace.die_with_parent)
                 for tls in ("off", "starttls")]
        try:
            self.assertIsNotNone(server.wait_event("message"))
            for i in range(1, RELOADS + 1):
                self.assertEqual(self.reload(server, text(i)), "domain max-hops limit")
        finally:
            for load in loads:
                load.send_signal(signal.SIGINT)
            results = [load.communicate(timeout=mailrace.PATIENCE_S)[0] for load in loads]
        for load, result in zip(loads, results):
            done = json.loads(result)
            self.assertGreater(done["messages"], 0)
            self.assertEqual(sum(done["errors"].values()), 0, result)
            self.assertEqual(load.returncode, 0, result)
        self.assertEqual(len(server.events("reloaded")), RELOADS)
        self.assertEqual(server.events("refusal"), [])


if __name__ == "__main__":
    mailrace.main()
