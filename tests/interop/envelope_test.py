#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""What clients say in MAIL and RCPT besides the paths is what `spool export` and `spool show` say.

    envelope_test.py smtplib|swaks|postfix

SMTPUTF8 with addresses and a domain that are not ASCII, and the parameters of DSN (RFC 3461).
"""

import email.message
import os
import smtplib
import subprocess
import sys

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, os.path.join(HERE, "../support"))
sys.path.insert(0, HERE)

import clients  # noqa: E402
import mailrace  # noqa: E402
import postfix  # noqa: E402

DOMAINS = ("example.com", "bücher.example")
UTF8_SENDER = "sänder@büro.example"
UTF8_RECIPIENT = "jürgen@bücher.example"
UTF8_SUBJECT = "Grüße"
TEXT = b"Subject: x\r\n\r\ntext\r\n"
UTF8_TEXT = f"""Subject: {UTF8_SUBJECT}
MIME-Version: 1.0
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: 8bit

Grüße
""".encode()

POSTFIX_CF = """
myhostname = client.example
mydestination =
relayhost = [127.0.0.1]:{server}
smtputf8_enable = yes
"""

# What must have been stored, as `export --format jsonl` names it; None: no such member.
UTF8_ENVELOPE = {"mail_from": UTF8_SENDER, "rcpt_to": [UTF8_RECIPIENT], "smtputf8": True,
                 "body": "8BITMIME", "protocol": "UTF8SMTP", "ret": None, "envid": None}


class Smtplib:
    """Python's: send_message() notices by itself that SMTPUTF8 is needed."""

    expected = {
        "utf8": {**UTF8_ENVELOPE, "rcpt_dsn": None},
        "dsn": {"mail_from": clients.SENDER, "rcpt_to": ["a@example.com", "b@example.com"],
                "smtputf8": None, "ret": "HDRS", "envid": "QQ+2B314159",
                "rcpt_dsn": 2 * [{"notify": "SUCCESS,DELAY",
                                  "orcpt": "rfc822;a+2Btag@Example.com"}]},
        "dsn_utf8": {"mail_from": UTF8_SENDER, "rcpt_to": [UTF8_RECIPIENT], "smtputf8": True,
                     "ret": "FULL", "envid": None,
                     "rcpt_dsn": [{"notify": "NEVER", "orcpt": "utf-8;" + UTF8_RECIPIENT}]},
    }

    @staticmethod
    def send(directory, address):
        del directory
        message = email.message.EmailMessage()
        message["Subject"] = UTF8_SUBJECT
        message["From"] = UTF8_SENDER
        message["To"] = UTF8_RECIPIENT
        message.set_content("text\n")
        with smtplib.SMTP(*address, local_hostname="client.example",
                          timeout=clients.TIMEOUT_S) as client:
            client.send_message(message)
            client.sendmail(clients.SENDER, ["a@example.com", "b@example.com"], TEXT,
                            mail_options=["RET=HDRS", "ENVID=QQ+2B314159"],
                            rcpt_options=["NOTIFY=SUCCESS,DELAY",
                                          "ORCPT=rfc822;a+2Btag@Example.com"])
            client.sendmail(UTF8_SENDER, [UTF8_RECIPIENT], TEXT,
                            mail_options=["SMTPUTF8", "RET=FULL"],
                            rcpt_options=["NOTIFY=NEVER", "ORCPT=utf-8;" + UTF8_RECIPIENT])


class Swaks:
    """Has no flags for parameters, but puts whatever it is told between < and >; the > then stands
    behind the last parameter, as a character of xtext."""

    expected = {
        "dsn": {"mail_from": clients.SENDER, "rcpt_to": ["a@example.com", "b@example.com"],
                "smtputf8": None, "ret": "HDRS", "envid": "QQ314159>",
                "rcpt_dsn": [{"notify": "FAILURE", "orcpt": "rfc822;A+2Btag@example.com>"}, {}]},
    }

    @staticmethod
    def send(directory, address):
        path = os.path.join(directory, "message")
        with open(path, "wb") as file:
            file.write(TEXT)
        to = "a@example.com> NOTIFY=FAILURE ORCPT=rfc822;A+2Btag@example.com,b@example.com"
        run("swaks", "--server", address[0], "--port", str(address[1]), "--helo", "client.example",
            "--from", clients.SENDER + "> RET=HDRS ENVID=QQ314159", "--to", to, "--pipeline",
            "--show-raw-text", "--data", "@" + path)


class Postfix:
    """Relays what `sendmail` was given; adds ORCPT, and notices SMTPUTF8 by the addresses."""

    expected = {
        "utf8": {**UTF8_ENVELOPE,
                 "rcpt_dsn": [{"orcpt": "utf-8;j\\x{FC}rgen@b\\x{FC}cher.example"}]},
        "dsn": {"mail_from": clients.SENDER, "rcpt_to": ["a@example.com", "b@example.com"],
                "smtputf8": None, "ret": "HDRS", "envid": "QQ+2B314159",
                "rcpt_dsn": [{"notify": "SUCCESS,DELAY", "orcpt": "rfc822;a@example.com"},
                             {"notify": "SUCCESS,DELAY", "orcpt": "rfc822;b@example.com"}]},
        "never": {"ret": "FULL", "envid": "2", "rcpt_dsn": [{"notify": "NEVER",
                                                             "orcpt": "rfc822;c@example.com"}]},
    }

    @staticmethod
    def send(directory, address):
        with postfix.Postfix(directory, POSTFIX_CF.format(server=address[1])) as instance:
            plain = b"Subject: x\n\ntext\n"
            for content, *arguments in (
                    (UTF8_TEXT, "-f", UTF8_SENDER, UTF8_RECIPIENT),
                    (plain, "-N", "success,delay", "-V", "QQ+314159", "-R", "hdrs",
                     "-f", clients.SENDER, "a@example.com", "b@example.com"),
                    (plain, "-N", "never", "-V", "2", "-R", "full", "-f", clients.SENDER,
                     "c@example.com")):
                instance.sendmail(arguments, content)
                instance.wait_until_sent()  # so that they come in this order
            refused = [line for line in instance.log().splitlines()
                       if " status=" in line and " status=sent" not in line]
            assert not refused, refused


def run(*command):
    done = subprocess.run(command, capture_output=True, timeout=clients.TIMEOUT_S, check=False,
                          env={**os.environ, "HOME": "/nonexistent"})
    assert done.returncode == 0, (done.stdout + done.stderr).decode(errors="replace")


def differences(expected, envelope):
    return [f"{name} is {envelope.get(name)!r}, not {value!r}"
            for name, value in expected.items() if envelope.get(name) != value]


def lines_to_show(expected):
    """What `spool show` has to say of it: names and values."""
    shown = [("reverse-path:", f"<{expected['mail_from']}>")] if "mail_from" in expected else []
    shown += [("smtputf8:", "yes")] if expected.get("smtputf8") else []
    shown += [(f"{name}:", expected[name]) for name in ("body", "ret", "envid")
              if expected.get(name)]
    recipients = expected.get("rcpt_to", [])
    dsn = expected.get("rcpt_dsn") or [{} for _ in recipients]
    for number, claims in enumerate(dsn):
        if recipients:
            shown.append(("forward-path:", f"<{recipients[number]}>"))
        shown += [(f"{name}:", claims[name]) for name in ("notify", "orcpt") if name in claims]
    return [(name, printable(value)) for name, value in shown]


def printable(text):
    """As `spool show` prints it, which may be at anybody's terminal."""
    return "".join(chr(octet) if 0x20 <= octet < 0x7f else f"\\x{octet:02x}"
                   for octet in text.encode())


def not_shown(expected, text):
    """Of lines_to_show(), which there are not; and lines about what was not said."""
    lines = [tuple(line.split(maxsplit=1)) for line in text.split("\n")]
    missing = [line for line in lines_to_show(expected) if line not in lines]
    for name in ("smtputf8", "ret", "envid"):
        if name in expected and expected[name] is None:
            missing += [line for line in lines if line[0] == name + ":"]
    return missing


def check(client, spool):
    """Returns what is wrong with the mails in the spool."""
    mails = mailrace.exported(spool)
    if len(mails) != len(client.expected):
        return [f"{len(mails)} mails, not {len(client.expected)}"]
    failures = []
    for (name, expected), mail in zip(client.expected.items(), mails):
        failures += [f"{name}: exported {text}" for text in differences(expected, mail.envelope)]
        status, text, errors = mailrace.run("spool", "show", spool, mail.id)
        assert status == 0, errors
        shown = text.partition("\n\n")[0]
        failures += [f"{name}: spool show is wrong about {line}:\n{shown}"
                     for line in not_shown(expected, shown)]
        if name == "utf8" and UTF8_SUBJECT.encode() not in mail.content:
            failures.append(f"{name}: the header section is not UTF-8: {mail.content!r}")
    return failures


CLIENTS = {"smtplib": Smtplib, "swaks": Swaks, "postfix": Postfix}


def main(name):
    mailrace.require_server()
    client = CLIENTS[name]
    if name == "postfix":
        postfix.require()
    elif name == "swaks":
        clients.Swaks("")  # skips if it is not installed
    with mailrace.Temporary() as directory:
        spool = os.path.join(directory, "spool")
        with mailrace.Server(spool, domains=DOMAINS) as server:
            client.send(directory, server.address)
        failures = check(client, spool)
    for failure in failures:
        print(f"FAILED {failure}")
    print(f"{name}: {len(client.expected)} mails, {len(failures)} failures")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
