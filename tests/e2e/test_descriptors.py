#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Out of descriptors: the server turns clients away, keeps its spool going, and recovers."""

import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "../support"))

import mailrace  # noqa: E402

CONTENT = b"Subject: x\r\n\r\ntext\r\n"
DESCRIPTORS = 48 + 32 + 32  # of which 32 are for who reads what is shared, 32 for who asks
CLIENTS = 60
WATCHED_S = 2


def cpu_s(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Descriptors(mailrace.ServerTestCase):
    def test_the_soft_limit_is_raised(self):
        server = mailrace.Server(self.spool)
        server.command = ["prlimit", f"--nofile={DESCRIPTORS}:", *server.command]
        self.enterContext(server)
        for client in [self.client(server) for _ in range(CLIENTS)]:
            self.assertEqual(client.reply().code, 220)

    def test_out_of_descriptors(self):
        # So few that there can be no table of direct descriptors, which are not counted one by one.
        server = mailrace.Server(self.spool, segment_size="1MiB")
        server.command = ["prlimit", f"--nofile={DESCRIPTORS}:{DESCRIPTORS}", *server.command]
        self.enterContext(server)
        clients = [self.client(server) for _ in range(CLIENTS)]
        served = []
        for client in clients:
            try:
                self.assertEqual(client.reply().code, 220)
                served.append(client)
            except mailrace.ConnectionEnded:
                pass
        self.assertTrue(8 < len(served) < CLIENTS, f"{len(served)} of {CLIENTS} were let in")

        # The others do not keep it busy, and the spool has descriptors for segment after segment.
        before = cpu_s(server.process.pid)
        time.sleep(WATCHED_S)
        self.assertLess(cpu_s(server.process.pid) - before, WATCHED_S / 4)
        mailrace.expect(served[0].command("EHLO client.example"), 250)
        for _ in range(12):
            mailrace.accepted_id(served[0].mail(CONTENT + 4000 * (98 * b"x" + b"\r\n")))

        for client in served[1:]:
            client.close()
        deadline = time.monotonic() + mailrace.PATIENCE_S
        while True:
            try:
                with server.connect() as late:
                    mailrace.accepted_id(late.hello().mail(CONTENT))
                    break
            except mailrace.ConnectionEnded:
                self.assertLess(time.monotonic(), deadline, "it lets nobody in any more")
                time.sleep(0.05)


if __name__ == "__main__":
    mailrace.main()
