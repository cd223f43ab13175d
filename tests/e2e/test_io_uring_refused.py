#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the kernel refuses io_uring, the program says why and how to mend it, and ends with 2."""

import ctypes
import errno
import os
import platform
import resource
import struct
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "../support"))

import mailrace  # noqa: E402

NOBODY = 65534

# The numbers are the same on all architectures that are younger than they (asm-generic/unistd.h).
CALLS = {"io_uring_setup": 425, "io_uring_enter": 426, "io_uring_register": 427}

PR_SET_SECCOMP = 22
PR_SET_NO_NEW_PRIVS = 38
SECCOMP_MODE_FILTER = 2
SECCOMP_RET_ALLOW = 0x7fff0000
SECCOMP_RET_ERRNO = 0x00050000
BPF_LOAD_WORD = 0x20    # BPF_LD | BPF_W | BPF_ABS
BPF_JUMP_EQUAL = 0x15   # BPF_JMP | BPF_JEQ | BPF_K
BPF_RETURN = 0x06       # BPF_RET | BPF_K
OFFSET_OF_CALL = 0      # of seccomp_data.nr

libc = ctypes.CDLL(None, use_errno=True)


class Filter(ctypes.Structure):
    """struct sock_fprog"""
    _fields_ = [("count", ctypes.c_ushort), ("program", ctypes.c_void_p)]


def forbid(calls, error):
    """A function for between fork and exec: the calls fail with `error` from then on."""
    lines = [(BPF_LOAD_WORD, 0, 0, OFFSET_OF_CALL)]
    for index, call in enumerate(calls):
        lines.append((BPF_JUMP_EQUAL, len(calls) - index, 0, CALLS[call]))
    lines.append((BPF_RETURN, 0, 0, SECCOMP_RET_ALLOW))
    lines.append((BPF_RETURN, 0, 0, SECCOMP_RET_ERRNO | error))
    program = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *line) for line in lines))
    bpf = Filter(len(lines), ctypes.addressof(program))

    def apply():
        mailrace.die_with_parent()
        for arguments in ((PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0),
                          (PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(bpf), 0, 0)):
            if libc.prctl(*arguments) != 0:
                raise OSError(ctypes.get_errno(), "prctl")
        assert program  # lives as long as the filter needs it
    return apply


def limit(which, value):
    def apply():
        mailrace.die_with_parent()
        resource.setrlimit(which, (value, value))
    return apply


class IoUringRefused(mailrace.ServerTestCase):
    def run_program(self, arguments, preexec, **options):
        done = subprocess.run([mailrace.PROGRAM, *arguments], capture_output=True, check=False,
                              timeout=mailrace.PATIENCE_S, env=mailrace.clean_environment(),
                              preexec_fn=preexec, **options)
        return done.returncode, done.stdout.decode(), done.stderr.decode()

    def serve(self, *flags, preexec, **options):
        return self.run_program(("serve", "--domain", "example.com", "--spool", self.spool,
                                 "--listen", "127.0.0.1:0", *flags), preexec, **options)

    def refused(self, outcome, *words):
        """One line on stderr with all `words` and a fix, status 2."""
        status, _, err = outcome
        self.assertEqual(status, 2, err)
        self.assertRegex(err, r"\A[^\n]+; fix: [^\n]+\n\Z")
        for word in words:
            self.assertIn(word, err)

    def test_a_filter_on_all_calls(self):
        for error in (errno.EPERM, errno.ENOSYS):
            with self.subTest(error=errno.errorcode[error]):
                self.refused(self.serve("--check", preexec=forbid(CALLS, error)), "seccomp", *CALLS)
                self.refused(self.serve(preexec=forbid(CALLS, error)), "seccomp", *CALLS)
        self.assertFalse(os.path.exists(self.spool))

    def test_a_filter_on_one_call(self):
        for call in CALLS:
            for error in (errno.EPERM, errno.ENOSYS):
                with self.subTest(call=call, error=errno.errorcode[error]):
                    outcome = self.serve("--check", preexec=forbid([call], error))
                    self.refused(outcome, "seccomp", *CALLS)

    def test_a_filter_on_something_else_is_none(self):
        status, out, err = self.serve("--check", preexec=forbid([], errno.EPERM))
        self.assertEqual((status, err), (0, ""), out)

    def test_the_load_tool_says_it_too(self):
        outcome = self.run_program(("load", "--messages", "1"), forbid(CALLS, errno.EPERM))
        self.refused(outcome, "seccomp", *CALLS)

    def test_few_descriptors_will_do(self):
        # The ring's own table of descriptors does not fit, so plain ones are used.
        status, out, err = self.serve("--check", preexec=limit(resource.RLIMIT_NOFILE, 1024))
        self.assertEqual((status, err), (0, ""), out)

    def as_nobody(self, *flags, memory):
        """With the limit that root, being allowed to lock memory, would not feel."""
        if not mailrace.IS_ROOT:
            return self.serve(*flags, preexec=limit(resource.RLIMIT_MEMLOCK, memory))
        os.chmod(self.directory, 0o777)
        try:
            return self.serve(*flags, preexec=limit(resource.RLIMIT_MEMLOCK, memory), user=NOBODY)
        except PermissionError:
            self.skipTest("an unprivileged user may not run this build of the program")

    def test_too_little_locked_memory(self):
        outcome = self.as_nobody("--check", memory=0)
        if outcome[0] == 0:
            self.skipTest(f"Linux {platform.release()} does not count rings as locked memory")
        self.refused(outcome, "RLIMIT_MEMLOCK")
        self.assertFalse(os.path.exists(self.spool))

    def test_too_little_locked_memory_for_all_workers(self):
        if self.as_nobody("--check", memory=0)[0] == 0:
            self.skipTest(f"Linux {platform.release()} does not count rings as locked memory")
        outcome = self.as_nobody("--workers", "16", memory=3 << 20)
        self.refused(outcome, "RLIMIT_MEMLOCK")


if __name__ == "__main__":
    mailrace.main()
