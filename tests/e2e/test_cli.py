#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an operator can get wrong is one line on stderr that names it, and exit status 2."""

import os
import re
import socket
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "../support"))

import mailrace  # noqa: E402

NOBODY = 65534

# flag, value, what of the allowed values must be in the message
WRONG_VALUES = (
    ("listen", "nonsense", "ADDRESS:PORT"),
    ("listen", "127.0.0.1", "ADDRESS:PORT"),
    ("listen", "127.0.0.1:65536", "ADDRESS:PORT"),
    ("listen", "localhost:25", "numeric"),
    ("listen", "::1:25", "[ADDRESS]:PORT"),
    ("listen", "127.0.0.1:25,durability=ram", "there is no durability 'ram'"),
    ("listen", "127.0.0.1:25,durability=disk,durability=disk", "twice"),
    ("listen", "127.0.0.1:25,durable=disk", "there is no option 'durable'"),
    ("listen", "127.0.0.1:25 durability=disk", "ADDRESS:PORT"),
    ("workers", "-1", "0 to 1023"),
    ("workers", "1024", "0 to 1023"),
    ("workers", "99999999999999999999", "0 to 1023"),
    ("workers", "two", "0 to 1023"),
    ("workers", "", "0 to 1023"),
    ("hostname", "mx example", "domain name"),
    ("hostname", "-mx.example.com", "domain name"),
    ("domain", "example..com", "domain name"),
    ("domain", "example.com-", "domain name"),
    ("max-message-size", "65535", "64KiB to 1TiB"),
    ("max-message-size", "2TiB", "64KiB to 1TiB"),
    ("max-message-size", "1.5MiB", "64KiB to 1TiB"),
    ("max-message-size", "99999999999999999999G", "64KiB to 1TiB"),
    ("durability", "some", "disk or page-cache"),
    ("commit-delay", "5", "0 to 1s"),
    ("commit-delay", "1001ms", "0 to 1s"),
    ("commit-bytes", "0", "4KiB to 1MiB"),
    ("commit-bytes", "4095", "4KiB to 1MiB"),
    ("commit-bytes", "1025KiB", "4KiB to 1MiB"),
    ("commit-bytes", "many", "4KiB to 1MiB"),
    ("spool-memory", "8191KiB", "8MiB to 16GiB"),
    ("spool-memory", "17GiB", "8MiB to 16GiB"),
    ("segment-size", "1023KiB", "1MiB to 64GiB"),
    ("retain-for", "7", "0 to 8784h"),
    ("retain-for", "9000h", "0 to 8784h"),
    ("retain-bytes", "2000TiB", "0 to 1024TiB"),
    ("drain-timeout", "2h", "0 to 1h"),
    ("drain-timeout", "-1s", "0 to 1h"),
    ("log-format", "xml", "json or text"),
    ("log-level", "debug", "error, warning or info"),
)

ALL_FLAGS = ("--listen", "127.0.0.1:2526", "--listen", "[::1]:2526,durability=disk",
             "--workers", "3",
             "--hostname", "mx.example.com", "--domain", "example.com", "--domain", "example.org",
             "--spool", "/var/spool/mailrace \"x\"", "--max-message-size", "25MB",
             "--durability", "page-cache", "--commit-delay", "1500us",
             "--commit-bytes", "64KiB", "--spool-memory", "32MiB",
             "--segment-size", "1GiB",
             "--retain-for", "168h", "--retain-bytes", "2TiB",
             "--drain-timeout", "90s", "--log-format", "text", "--log-level", "warning")


def serve(*arguments, env=None):
    return mailrace.run("serve", *arguments, env=env)


class CommandLine(mailrace.ServerTestCase):
    def refused(self, outcome, *words):
        """One line on stderr with all `words`, nothing on stdout, status 2."""
        status, out, err = outcome
        self.assertEqual(status, 2, err)
        self.assertEqual(out, "")
        self.assertRegex(err, r"\A[^\n]+\n\Z")
        for word in words:
            self.assertIn(word, err)
        return err

    def good(self, *arguments):
        """Arguments that start a server, besides these."""
        return ("--domain", "example.com", "--spool", self.spool, *arguments)

    def write_config(self, text):
        path = os.path.join(self.directory, "mailrace.toml")
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path

    def test_a_wrong_value_is_named_with_its_flag_and_what_is_allowed(self):
        for flag, value, allowed in WRONG_VALUES:
            with self.subTest(flag=flag, value=value):
                outcome = serve(*self.good(f"--{flag}={value}"))
                self.refused(outcome, f"--{flag}", value[:50], allowed)

    def test_an_option_of_a_listener_has_a_name_and_a_value(self):
        for value, reason in (("127.0.0.1:25,", "an option is missing"),
                              ("127.0.0.1:25,durability", "no value"),
                              ("127.0.0.1:25,,durability=disk", "there is no option ''"),
                              ("127.0.0.1:25,durability=disk,", "an option is missing")):
            with self.subTest(value=value):
                self.refused(serve(*self.good("--listen", value)), "--listen", value, reason,
                             "disk or page-cache")

    def test_a_wrong_value_in_the_environment_is_named_with_its_variable(self):
        for flag, value, allowed in WRONG_VALUES:
            if value == "" or flag == "domain":
                continue  # empty is as good as unset; --domain is given
            variable = "MAILRACE_" + flag.upper().replace("-", "_")
            with self.subTest(variable=variable, value=value):
                outcome = serve(*self.good(), env={variable: value})
                self.refused(outcome, variable, value[:50], allowed)

    def test_a_wrong_value_in_the_config_file_is_named_with_its_line(self):
        path = self.write_config('# a comment\nlog-level = "debug"\n')
        self.refused(serve(*self.good("--config", path)), path, ":2:", "log-level", "debug",
                     "error, warning or info")

    def test_the_wrong_type_in_the_config_file_is_named(self):
        path = self.write_config("workers = \"two\"\n")
        self.refused(serve(*self.good("--config", path)), path, ":1:", "workers")

    def test_an_unknown_key_is_named_with_its_position_and_the_nearest_key(self):
        path = self.write_config("workers = 2\n\n  max-mesage-size = \"25MB\"\n")
        self.refused(serve(*self.good("--config", path)), f"{path}:3:3", "max-mesage-size",
                     "max-message-size")

    def test_a_config_file_that_is_none_is_named(self):
        self.refused(serve(*self.good("--config", self.directory)), self.directory)
        missing = os.path.join(self.directory, "missing.toml")
        self.refused(serve(*self.good("--config", missing)), missing)
        path = self.write_config("workers = = 2\n")
        self.refused(serve(*self.good("--config", path)), f"{path}:1:")

    def test_an_unknown_flag_is_named(self):
        self.refused(serve(*self.good("--worker", "2")), "--worker")
        self.refused(serve(*self.good("extra")), "extra")
        self.refused(serve(*self.good("--workers")), "--workers")

    def test_a_single_value_given_twice_is_refused(self):
        self.refused(serve(*self.good("--workers", "1", "--workers", "2")), "--workers")

    def test_without_a_domain_it_does_not_start(self):
        self.refused(serve("--spool", self.spool), "--domain", "--accept-any-domain")
        self.assertFalse(os.path.exists(self.spool))

    def test_without_a_spool_it_does_not_start(self):
        self.refused(serve("--domain", "example.com"), "--spool")

    def test_a_kernel_that_does_not_exist_is_refused(self):
        self.refused(serve(*self.good(), env={"MAILRACE_KERNEL": "bogus"}), "MAILRACE_KERNEL",
                     "bogus", "scalar")

    def test_a_subcommand_is_needed(self):
        for arguments in ((), ("serv",), ("--listen",)):
            status, out, err = mailrace.run(*arguments)
            self.assertEqual((status, out), (2, ""), arguments)
            self.assertIn("serve", err)

    def test_check_starts_nothing_and_leaves_nothing_behind(self):
        status, out, err = serve(*self.good("--check"))
        self.assertEqual((status, err), (0, ""))
        self.assertIn("ok", out)
        self.assertFalse(os.path.exists(self.spool))
        self.refused(serve(*self.good("--check", "--workers", "x")), "--workers")

    def test_what_print_config_prints_is_a_config_file(self):
        status, printed, err = serve(*ALL_FLAGS, "--print-config")
        self.assertEqual((status, err), (0, ""))
        path = self.write_config(printed)
        self.assertEqual(serve("--config", path, "--print-config"), (0, printed, ""))
        for flag in ALL_FLAGS[::2]:
            self.assertRegex(printed, rf"(?m)^{flag[2:]} = ")
        # All of them differ from the defaults, so nothing but switches is left out here.
        status, non_default, err = serve("--config", path, "--print-config", "--non-default")
        self.assertEqual((status, err), (0, ""))
        self.assertEqual(set(ALL_FLAGS[::2]),
                         {"--" + name for name in re.findall(r"(?m)^([\w-]+) = ", non_default)})

    def test_command_line_beats_environment_beats_config_file(self):
        path = self.write_config("workers = 2\ndrain-timeout = \"2s\"\ncommit-delay = \"2ms\"\n"
                                 "[serve]\ncommit-delay = \"3ms\"\n")
        env = {"MAILRACE_WORKERS": "4", "MAILRACE_DRAIN_TIMEOUT": "4s", "MAILRACE_CONFIG": path}
        status, out, err = serve("--workers", "5", "--print-config", env=env)
        self.assertEqual((status, err), (0, ""))
        self.assertIn("workers = 5\n", out)
        self.assertIn("drain-timeout = \"4s\"\n", out)
        self.assertIn("commit-delay = \"3ms\"\n", out)

    def test_version_says_what_it_is_made_of(self):
        for arguments in (("--version",), ("serve", "--version")):
            status, out, err = mailrace.run(*arguments)
            self.assertEqual((status, err), (0, ""))
            self.assertRegex(out, r"\Amailrace \d+\.\d+\.\d+\n")
            self.assertRegex(out, r"(?m)^wolfSSL: \d+\.\d+\.\d+, with(out)? assembly$")
            for part in ("liburing: ", "mimalloc: ", "dot scan: ", "crc-32c: "):
                self.assertIn(part, out)

    def test_help_lists_every_flag_of_print_config(self):
        _, printed, _ = serve("--print-config")
        status, out, err = serve("--help")
        self.assertEqual((status, err), (0, ""))
        names = re.findall(r"(?m)^([\w-]+) = ", printed)
        self.assertGreater(len(names), 10)
        for name in names:
            self.assertRegex(out, rf"--(\[no-\])?{name} ")


class StartUp(mailrace.ServerTestCase):
    def refused(self, *arguments, words):
        status, _, err = serve("--domain", "example.com", *arguments)
        self.assertEqual(status, 2, err)
        self.assertRegex(err, r"\A[^\n]+\n\Z")
        for word in words:
            self.assertIn(word, err)

    def test_a_spool_belongs_to_one_process(self):
        server = self.serve()
        self.refused("--spool", self.spool, "--listen", "127.0.0.1:0",
                     words=["in use", str(server.process.pid)])

    def test_an_address_that_another_program_has_is_named(self):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            address = f"127.0.0.1:{taken.getsockname()[1]}"
            self.refused("--spool", self.spool, "--listen", address,
                         words=["--listen", address, "in use"])

    def test_an_address_that_another_server_has_is_not_shared(self):
        server = self.serve(workers=2)
        address = f"127.0.0.1:{server.address[1]}"
        other = os.path.join(self.directory, "other")
        self.refused("--spool", other, "--listen", address, words=["--listen", address, "in use"])

    def test_an_address_that_is_not_ours_is_named(self):
        self.refused("--spool", self.spool, "--listen", "192.0.2.1:2525",
                     words=["--listen", "192.0.2.1:2525"])

    def test_a_spool_that_cannot_be_is_named(self):
        path = os.path.join(self.directory, "file")
        with open(path, "w", encoding="ascii") as file:
            file.write("not a directory")
        self.refused("--spool", path, "--listen", "127.0.0.1:0", words=[path])
        self.refused("--spool", path + "/spool", "--listen", "127.0.0.1:0", words=[path])
        os.mkdir(self.spool)
        os.mkdir(os.path.join(self.spool, "lock"))
        self.refused("--spool", self.spool, "--listen", "127.0.0.1:0", words=[self.spool, "lock"])

    def test_a_worker_directory_that_is_a_file_is_named(self):
        os.mkdir(self.spool)
        with open(os.path.join(self.spool, "worker-0000"), "w", encoding="ascii"):
            pass
        self.refused("--spool", self.spool, "--listen", "127.0.0.1:0", "--workers", "1", words=[])

    def test_a_spool_that_may_not_be_read_is_named(self):
        os.mkdir(self.spool, 0o700)
        as_user = {}
        if mailrace.IS_ROOT:
            as_user = {"user": NOBODY}
            os.chmod(self.directory, 0o755)
        else:
            os.chmod(self.spool, 0)
        command = [mailrace.PROGRAM, "serve", "--domain", "example.com", "--spool", self.spool,
                   "--listen", "127.0.0.1:0"]
        try:
            done = subprocess.run(command, capture_output=True, timeout=mailrace.PATIENCE_S,
                                  env=mailrace.clean_environment(), check=False, **as_user)
        except PermissionError:
            self.skipTest("an unprivileged user may not run this build of the program")
        self.assertEqual(done.returncode, 2)
        self.assertRegex(done.stderr.decode(), r"\A[^\n]*spool[^\n]*[Pp]ermission denied\n\Z")

    def test_all_flags_together_make_a_server(self):
        server = self.serve("--commit-delay", "1ms", "--durability", "page-cache",
                            "--max-message-size", "64KiB", "--drain-timeout", "1s",
                            "--listen", "[::1]:0", workers=2, domains=("example.com", "b.example"))
        self.assertEqual(len(server.events("listening")), 2)
        client = self.client(server).hello()
        queue_id = mailrace.accepted_id(client.mail(b"text\r\n", rcpt_to=("user@b.example",)))
        self.assertEqual(server.stop(), 0)
        self.assertEqual([mail.id for mail in mailrace.exported(self.spool)], [queue_id])

    def test_text_log_has_lines_without_braces(self):
        command = [mailrace.PROGRAM, "serve", "--domain", "example.com", "--spool", self.spool,
                   "--listen", "127.0.0.1:0", "--log-format", "text", "--workers", "1"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, env=mailrace.clean_environment(),
                              preexec_fn=mailrace.die_with_parent) as process:
            lines = [process.stdout.readline().decode() for _ in range(3)]
            process.terminate()
            process.stdout.read()
            self.assertEqual(process.wait(mailrace.PATIENCE_S), 0)
        self.assertIn("listening", lines[0])
        self.assertNotIn("{", "".join(lines))


if __name__ == "__main__":
    mailrace.main()
