#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a 250 promises depends on the address that the client came to, and is seen everywhere."""

import json
import os
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "../support"))

import mailrace  # noqa: E402

CONTENT = b"Subject: durability\r\n\r\n" + 20 * b"text\r\n"


class Durability(mailrace.ServerTestCase):
    def addresses(self, server):
        """By durability, as the log has them."""
        addresses = {}
        for entry in server.events("listening"):
            host, port = entry["address"].rsplit(":", 1)
            addresses[entry["durability"]] = (host, int(port))
        return addresses

    def deliver(self, address, mails):
        with mailrace.Client(address) as client:
            client.hello()
            return [mailrace.accepted_id(client.mail(CONTENT)) for _ in range(mails)]

    def assert_promised(self, server, promised):
        """promised   durability by queue id"""
        self.assertEqual(server.stop(), 0)
        # Nobody was refused for want of memory.
        self.assertEqual([(entry["worker"], entry["busy_spells"], entry["busy_refused"])
                          for entry in server.events("worker_end")], [(0, 0, 0)])
        logged = {entry["id"]: entry["durability"] for entry in server.events("message")}
        self.assertEqual(logged, promised)
        self.assertEqual({mail.id for mail in mailrace.exported(self.spool)}, set(promised))
        for queue_id, durability in promised.items():
            status, out, err = mailrace.run("spool", "show", self.spool, queue_id)
            self.assertEqual(status, 0, err)
            self.assertRegex(out, rf"(?m)^durability: +{durability}$")
        status, out, err = mailrace.run("spool", "stats", "--json", self.spool)
        self.assertEqual(status, 0, err)
        counted = json.loads(out)["durability"]
        for durability in ("disk", "page-cache"):
            mails = list(promised.values()).count(durability)
            self.assertEqual(counted[durability]["mails"], mails)
            self.assertGreaterEqual(counted[durability]["octets"], mails * len(CONTENT))
        mailrace.verify(self.spool)

    def test_each_listener_has_its_own(self):
        for spool_io in ("direct", "buffered"):
            with self.subTest(spool_io=spool_io):
                self.spool = os.path.join(self.directory, spool_io)
                server = self.serve("--listen", "127.0.0.1:0,durability=page-cache",
                                    "--spool-io", spool_io, segment_size="1MiB")
                addresses = self.addresses(server)
                self.assertEqual(set(addresses), {"disk", "page-cache"})
                promised = {}

                def deliver(durability):
                    for queue_id in self.deliver(addresses[durability], 100):
                        promised[queue_id] = durability

                threads = [threading.Thread(target=deliver, args=(durability,))
                           for durability in 2 * ("disk", "page-cache")]
                for thread in threads:
                    thread.start()
                for thread in threads:
                    thread.join()
                self.assertEqual(len(promised), 400)
                self.assert_promised(server, promised)

    def test_the_flag_is_for_listeners_that_do_not_say(self):
        server = self.serve("--durability", "page-cache", "--listen", "127.0.0.1:0,durability=disk")
        addresses = self.addresses(server)
        promised = {queue_id: durability for durability, address in addresses.items()
                    for queue_id in self.deliver(address, 3)}
        self.assertEqual(sorted(promised.values()), 3 * ["disk"] + 3 * ["page-cache"])
        self.assert_promised(server, promised)

    def test_a_listener_in_the_environment_keeps_its_options(self):
        status, out, err = mailrace.run(
            "serve", "--print-config",
            env={"MAILRACE_LISTEN": "127.0.0.1:1,durability=page-cache,[::1]:2"})
        self.assertEqual(status, 0, err)
        self.assertIn('listen = ["127.0.0.1:1,durability=page-cache", "[::1]:2"]\n', out)
        self.assertIn('durability = "disk"\n', out)


if __name__ == "__main__":
    mailrace.main()
