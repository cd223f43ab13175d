#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every row of core/smtp/replies.h comes up in a dialog, so the dialogs cover what the server says."""

import os
import re
import sys

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, os.path.join(HERE, "../support"))
sys.path.insert(0, HERE)

import mailrace  # noqa: E402
import run_dialogs  # noqa: E402

HEADER = os.path.join(HERE, "../../core/smtp/replies.h")
# What may stand for '%' in a row's text; else it is our name.
ARGUMENTS = {"mail_accepted": "[0-9A-HJKMNP-TV-Z]{13}", "chunk_taken": r"\d+"}

# Rows that no dialog can bring about, and where they come up instead.
NOT_IN_DIALOGS = {
    "no_recipient_accepted": "needs a policy that refuses a mail for a recipient: "
                             "tests/unit/core/smtp/session_prdr_test.cc",
    "service_closing": "needs SIGTERM: tests/e2e/test_shutdown.py",
    "too_many_handshakes": "needs 4096 handshakes: tests/unit/core/smtp/starttls_test.cc",
    "client_blocked": "needs a list: tests/e2e/test_lists.py",
    "too_many_connections": "needs a limit: tests/e2e/test_limits.py",
    "too_many_unknown_recipients": "needs a limit: tests/e2e/test_limits.py",
    "message_rate": "needs a limit: tests/e2e/test_limits.py",
    "recipient_rate": "needs a limit: tests/e2e/test_limits.py",
    "too_many_sessions": "needs 16384 connections: tests/e2e/test_slow_peer.py",
    "overloaded": "needs an overload: tests/e2e/test_overload.py",
    "timed_out": "needs time to pass: tests/e2e/test_timeouts.py",
    "spool_failed": "needs a disk that fails: tests/sim",
    "spool_full": "needs a disk that is full: tests/e2e/test_disk_full.py",
    "too_many_open": "needs thousands of open mails: tests/unit/core/smtp/session_limits_test.cc",
}

ROW = re.compile(r"\{ReplyId::(\w+),\s*(\d{3}),\s*\{([\d, ]*)\},\s*((?:\"[^\"]*\"\s*)+),")


def reply_rows():
    """Name -> pattern of its line (without the rest of a multi-line reply)."""
    with open(HEADER, encoding="utf-8") as file:
        text = file.read()
    declared = re.search(r"enum class ReplyId[^{]*\{([^}]*)\}", text).group(1)
    names = re.findall(r"^\s*(\w+),", declared, re.MULTILINE)
    rows = {}
    for name, code, enhanced, texts in ROW.findall(text):
        words = "".join(re.findall(r'"([^"]*)"', texts))
        argument = ARGUMENTS.get(name, re.escape(mailrace.HOSTNAME))
        separator = "-" if name == "ehlo_ok" else " "
        pattern = code + separator
        if enhanced:
            pattern += re.escape(".".join(enhanced.replace(" ", "").split(","))) + " "
        rows[name] = re.compile(pattern + argument.join(map(re.escape, words.split("%"))))
    assert names and list(rows) == names, "replies.h is not as this test reads it"
    return rows


def main():
    mailrace.require_server()
    rows = reply_rows()
    lines, failures = run_dialogs.run_all(run_dialogs.all_dialogs(), split=1000)
    complaints = [f"dialog {name}: {why}" for name, why in failures]
    seen = {name for name, pattern in rows.items()
            if any(pattern.fullmatch(line) for line in lines)}
    complaints += [f"{name} is in no dialog" for name in rows if name not in seen
                   and name not in NOT_IN_DIALOGS]
    complaints += [f"{name} is an exception without need" for name in NOT_IN_DIALOGS
                   if name in seen or name not in rows]
    for complaint in complaints:
        print(complaint)
    print(f"{len(rows)} replies, {len(seen)} in dialogs, {len(NOT_IN_DIALOGS)} excepted")
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
