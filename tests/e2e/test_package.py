#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Debian package has what a machine needs, and holds the server no looser than promised.
The argument is a build tree."""

import glob
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

ROOT = os.path.join(os.path.dirname(os.path.realpath(__file__)), "../..")
PACKAGE = os.path.join(ROOT, "tools/package")
BUILD = sys.argv.pop(1)
EXPOSURE_MAX = 2.0


def run(*command, **options):
    return subprocess.run(command, capture_output=True, text=True, check=False, **options)


def require(test, *programs):
    for program in programs:
        if shutil.which(program) is None:
            test.skipTest(f"no {program}")


class Package(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.place = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.place.cleanup)
        cls.package = None

    def build(self):
        require(self, "cpack", "dpkg-deb", "dpkg-shlibdeps", "file")
        if Package.package is None:
            made = run("cpack", "-G", "DEB", "-B", self.place.name, cwd=BUILD)
            self.assertEqual(made.returncode, 0, made.stdout + made.stderr)
            (Package.package,) = glob.glob(f"{self.place.name}/*.deb")
        return Package.package

    def test_what_is_in_it(self):
        listed = run("dpkg-deb", "-c", self.build()).stdout
        files = {line.split()[5].lstrip("."): line.split()[0] for line in listed.splitlines()}
        for path, mode in (("/usr/sbin/mailrace", "-rwxr-xr-x"),
                           ("/lib/systemd/system/mailrace.service", "-rw-r--r--"),
                           ("/usr/lib/sysusers.d/mailrace.conf", "-rw-r--r--"),
                           ("/usr/lib/tmpfiles.d/mailrace.conf", "-rw-r--r--"),
                           ("/etc/mailrace/mailrace.toml", "-rw-r--r--"),
                           ("/usr/share/doc/mailrace/copyright", "-rw-r--r--"),
                           ("/usr/share/doc/mailrace/examples/90-mailrace.conf", "-rw-r--r--"),
                           ("/usr/share/doc/mailrace/examples/seccomp.json", "-rw-r--r--")):
            self.assertEqual(files.get(path), mode, path)
        self.assertFalse([path for path in files if path.startswith("/usr/local")])
        for owner in re.findall(r"^\S+ (\S+)", listed, re.M):
            self.assertEqual(owner, "root/root")

    def test_what_it_needs_and_what_it_says(self):
        fields = run("dpkg-deb", "-f", self.build()).stdout
        self.assertRegex(fields, r"(?m)^Depends: .*systemd-standalone-sysusers.*libseccomp2")
        control = os.path.join(self.place.name, "control")
        run("dpkg-deb", "-e", self.build(), control)
        with open(f"{control}/conffiles", encoding="ascii") as file:
            self.assertEqual(file.read(), "/etc/mailrace/mailrace.toml\n")
        for script in ("postinst", "prerm", "postrm"):
            self.assertTrue(os.access(f"{control}/{script}", os.X_OK), script)
            self.assertEqual(run("sh", "-n", f"{control}/{script}").stderr, "")

    def test_what_lintian_says(self):
        require(self, "lintian")
        said = run("lintian", "--fail-on", "error", self.build())
        self.assertEqual(said.returncode, 0, said.stdout)

    def test_its_configuration_lacks_nothing_but_a_domain(self):
        program = os.environ["MAILRACE_PROGRAM"]
        command = (program, "serve", "--config", f"{PACKAGE}/mailrace.toml", "--check")
        said = run(*command)
        self.assertEqual(said.returncode, 2)
        self.assertIn("--domain", said.stderr)
        self.assertEqual(run(*command, "--domain", "example.org").returncode, 0)


class Unit(unittest.TestCase):
    def test_its_exposure(self):
        require(self, "systemd-analyze")
        said = run("systemd-analyze", "security", "--offline=true", "--no-pager",
                   f"{PACKAGE}/mailrace.service")
        level = re.search(r"exposure level for mailrace.service: ([0-9.]+)", said.stdout)
        if level is None:
            self.skipTest("this systemd-analyze does not judge files")
        self.assertLessEqual(float(level[1]), EXPOSURE_MAX, said.stdout)

    def test_the_profile_for_containers_has_what_the_filter_lets_through(self):
        with open(f"{PACKAGE}/seccomp.json", encoding="ascii") as file:
            profile = json.load(file)
        self.assertEqual(profile["defaultAction"], "SCMP_ACT_ERRNO")
        (rule,) = profile["syscalls"]
        with open(f"{ROOT}/tools/serve/syscall_filter.cc", encoding="ascii") as file:
            filtered = set(re.findall(r'^    "([a-z0-9_]+)",$', file.read(), re.M))
        self.assertGreater(len(filtered), 50)
        self.assertEqual(filtered - set(rule["names"]), set())
        for name in ("io_uring_setup", "landlock_restrict_self", "memfd_create", "seccomp",
                     "capset", "chroot"):
            self.assertIn(name, rule["names"])
        for name in ("ptrace", "bpf", "mount", "keyctl", "perf_event_open", "init_module"):
            self.assertNotIn(name, rule["names"])


if __name__ == "__main__":
    unittest.main(verbosity=2)
