# SPDX-License-Identifier: GPL-3.0-or-later
"""Other mail servers, taking mail in and delivering nothing: what they do before their 250.

Each is unpacked from its Debian package, or installed by npm, and runs in a mount namespace of its
own, with users of its own, because at most one of them can be installed. Each keeps its package's
defaults for durability; only limits on how much one client may send are lifted.
"""

import os
import pathlib
import shutil
import subprocess

FETCH_TIMEOUT_S = 300
# Chains of two certificates and their keys: ecdsa, rsa.
CERTIFICATES = pathlib.Path(__file__).resolve().parents[2] / "tests" / "data" / "tls"
UID = 62_000  # of the first user of a private machine

POSTFIX_MAIN = """
compatibility_level = 3.6
config_directory = {directory}/config
queue_directory = {directory}/queue
data_directory = {directory}/data
maillog_file = {directory}/log
maillog_file_prefixes = {directory}
alias_maps =
alias_database =
local_recipient_maps =
inet_interfaces = loopback-only
inet_protocols = ipv4
smtpd_peername_lookup = no
mynetworks = 127.0.0.0/8
mydestination = example.test
smtpd_client_restrictions = static:HOLD
smtpd_client_connection_count_limit = 0
message_size_limit = 50000000
default_process_limit = 1000
"""
POSTFIX_TLS_MAIN = """
smtpd_tls_security_level = may
smtpd_tls_chain_files = {certificates}/{certificate}.key, {certificates}/{certificate}.pem
"""
POSTFIX_TLS_MASTER = """
tlsmgr    unix - - n 1000? 1 tlsmgr
"""
POSTFIX_MASTER = """
127.0.0.1:{port} inet n - n - - smtpd
cleanup   unix n - n - 0 cleanup
rewrite   unix - - n - - trivial-rewrite
proxymap  unix - - n - - proxymap
anvil     unix - - n - 1 anvil
postlog   unix-dgram n - n - 1 postlogd
"""

EXIM_CONFIG = """
exim_user = Debian-exim
exim_group = Debian-exim
spool_directory = {directory}/queue
log_file_path = {directory}/log/%slog
keep_environment =
queue_only
host_lookup =
rfc1413_query_timeout = 0s
smtp_accept_max = 0
smtp_accept_queue_per_connection = 0
smtp_accept_max_per_connection = 0
smtp_connect_backlog = 1000
message_size_limit = 50M
acl_smtp_rcpt = take
acl_smtp_data = take
begin acl
take:
  accept
"""

OPENSMTPD_CONFIG = """
smtp limit max-mails 1000000000
listen on 127.0.0.1 port {port}
action "hold" relay host smtp://127.0.0.1:9
match from any for any action "hold"
"""

# Delivers at once, if only to nobody; that is part of its CPU time. It asks DNS about the sender.
CHASQUID_CONFIG = """
hostname: "mx.example.test"
smtp_address: "127.0.0.1:{port}"
submission_address: "127.0.0.1:0"
submission_over_tls_address: "127.0.0.1:0"
data_dir: "{directory}/data"
mail_delivery_agent_bin: "/bin/true"
mail_log_path: "/dev/null"
"""

HARAKA_SMTP = """
listen=127.0.0.1:{port}
nodes=0
"""


class Peer:
    """One server.

    directory   on the disk under test; emptied by whoever made it
    """

    durability = "disk"  # where a mail is before 250; or "page cache", or "stores nothing"
    packages = ()
    users = ()
    certificate = ""
    writable = ()  # directories of the machine that are its own

    def __init__(self, cache, directory, port):
        self.directory = pathlib.Path(directory)
        self.port = port
        self.root = self.fetch(pathlib.Path(cache))
        self.configure()

    def fetch(self, cache):
        return unpack(cache, self.packages)

    def write(self, name, text):
        path = self.directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.format(directory=self.directory, port=self.port,
                                    certificates=CERTIFICATES, certificate=self.certificate)
                        .lstrip(), encoding="utf-8")

    def make(self, name, user, mode=0o755):
        path = self.directory / name
        path.mkdir(parents=True)
        uid = UID + self.users.index(user)
        os.chown(path, uid, uid)
        path.chmod(mode)

    def command(self):
        """Runs it in the foreground, until SIGTERM."""
        for kind, fields in (("passwd", "x:{uid}:{uid}::/:/bin/false"), ("group", "x:{uid}:")):
            lines = pathlib.Path("/etc", kind).read_text(encoding="utf-8").splitlines()
            lines = [line for line in lines if line.split(":")[0] not in self.users]
            lines += [f"{user}:{fields.format(uid=UID + i)}" for i, user in enumerate(self.users)]
            self.write(kind, "\n".join(lines) + "\n")
        script = ["set -e", "ulimit -n $(ulimit -H -n)",
                  '[ ! -d "$1/usr" ] ||'
                  ' mount -t overlay overlay -o lowerdir="$1/usr":/usr /usr',
                  "mount --bind \"$2/passwd\" /etc/passwd", "mount --bind \"$2/group\" /etc/group"]
        script += [f"mount --bind \"$2/{own}\" {place}" for own, place in self.writable]
        return ["unshare", "--mount", "sh", "-c", "\n".join([*script, self.run]), "sh",
                str(self.root), str(self.directory)]


class Postfix(Peer):
    title = "Postfix"
    packages = ("postfix",)
    users = ("postfix", "postdrop")
    main, master = POSTFIX_MAIN, POSTFIX_MASTER
    run = 'exec /usr/lib/postfix/sbin/master -c "$2/config" -s'

    def configure(self):
        self.directory.chmod(0o755)
        self.write("config/main.cf", self.main)
        self.write("config/master.cf", self.master)
        self.make("data", "postfix", 0o700)
        (self.directory / "queue").mkdir()
        (self.directory / "queue" / "pid").mkdir()
        for name in ("active", "bounce", "corrupt", "defer", "deferred", "flush", "hold",
                     "incoming", "private", "saved", "trace"):
            self.make(f"queue/{name}", "postfix", 0o700)
        self.make("queue/public", "postfix", 0o710)
        self.make("queue/maildrop", "postfix", 0o730)


class PostfixEcdsa(Postfix):
    title = "Postfix, ECDSA"
    certificate = "ecdsa"
    main = POSTFIX_MAIN + POSTFIX_TLS_MAIN.lstrip()
    master = POSTFIX_MASTER + POSTFIX_TLS_MASTER.lstrip()


class PostfixRsa(PostfixEcdsa):
    title = "Postfix, RSA"
    certificate = "rsa"


class Exim(Peer):
    title = "Exim"
    packages = ("exim4-daemon-light",)
    users = ("Debian-exim",)
    run = ('exec /usr/sbin/exim4 -C "$2/exim.conf" -bdf -oX 127.0.0.1:$(cat "$2/port")')

    def configure(self):
        self.directory.chmod(0o755)
        self.write("exim.conf", EXIM_CONFIG)
        self.write("port", "{port}")
        self.make("queue", "Debian-exim")
        self.make("log", "Debian-exim")


class OpenSmtpd(Peer):
    title = "OpenSMTPD"
    packages = ("opensmtpd",)
    users = ("opensmtpd", "opensmtpq")
    writable = (("spool", "/var/spool"), ("run", "/run"), ("lib", "/var/lib"))
    run = 'exec /usr/sbin/smtpd -d -f "$2/smtpd.conf"'

    def configure(self):
        self.directory.chmod(0o755)
        self.write("smtpd.conf", OPENSMTPD_CONFIG)
        for own, _ in self.writable:
            (self.directory / own).mkdir()
        (self.directory / "spool").chmod(0o711)
        (self.directory / "lib/opensmtpd/empty").mkdir(parents=True)


class Chasquid(Peer):
    title = "chasquid"
    durability = "page cache"
    packages = ("chasquid",)
    writable = (("resolv.conf", "/etc/resolv.conf"),)
    run = 'exec /usr/bin/chasquid --config_dir="$2"'

    def configure(self):
        self.write("chasquid.conf", CHASQUID_CONFIG)
        self.write("resolv.conf", "nameserver 127.0.0.1\n")  # where nobody is: refused at once
        self.write("domains/example.test/aliases", "load: x\n")
        for name, source in (("fullchain.pem", "ecdsa.pem"), ("privkey.pem", "ecdsa.key")):
            self.write(f"certs/mx.example.test/{name}", (CERTIFICATES / source).read_text())


class Haraka(Peer):
    title = "Haraka"
    durability = "stores nothing"
    version = "3.1.1"
    before = "2025-11-13"  # what it depends on is as of its release
    run = ('export YES_REALLY_DO_DISCARD=1\n'
           'exec node "$1/node_modules/Haraka/bin/haraka" -c "$2"')

    def fetch(self, cache):
        return make_once(cache / f"haraka-{self.version}", [
            ["npm", "install", "--no-audit", "--no-fund", "--omit=optional", "--ignore-scripts",
             f"--before={self.before}", "--prefix", ".", f"Haraka@{self.version}"],
            # The only script it cannot do without; with the headers that are here.
            ["npm", "rebuild", "--nodedir=/usr", "--foreground-scripts", "iconv"]])

    def configure(self):
        defaults = self.root / "node_modules" / "Haraka" / "config"
        self.write("config/smtp.ini", HARAKA_SMTP)
        shutil.copy(defaults / "connection.ini", self.directory / "config" / "connection.ini")
        self.write("config/log.ini", "[main]\nlevel=crit\n")
        self.write("config/me", "mx.example.test\n")
        self.write("config/plugins", "take\nqueue/discard\n")
        self.write("plugins/take.js", "exports.hook_rcpt = (next) => next(OK)\n")


class SmtpSink(Peer):
    title = "Postfix smtp-sink"
    durability = "stores nothing"
    packages = ("postfix",)
    run = 'exec /usr/sbin/smtp-sink -u nobody -c 127.0.0.1:$(cat "$2/port") 1000'

    def configure(self):
        self.directory.chmod(0o755)
        self.write("port", "{port}")


PEERS = {"postfix": Postfix, "postfix-ecdsa": PostfixEcdsa, "postfix-rsa": PostfixRsa,
         "exim": Exim, "opensmtpd": OpenSmtpd, "chasquid": Chasquid, "haraka": Haraka,
         "smtp-sink": SmtpSink}


def make_once(root, commands):
    """Has commands fill a directory, unless they have done so before. Returns it."""
    if not root.is_dir():
        partial = root.with_name(root.name + ".part")
        subprocess.run(["rm", "-rf", partial], check=True)
        partial.mkdir(parents=True)
        for command in commands:
            done = subprocess.run(command, cwd=partial, capture_output=True, text=True,
                                  timeout=FETCH_TIMEOUT_S, check=False)
            if done.returncode != 0:
                raise RuntimeError(f"{' '.join(command)} failed:\n{done.stderr.strip()}")
        partial.rename(root)
    return root


def unpack(cache, packages):
    """Fetches packages once and unpacks them into one tree. Returns it."""
    return make_once(cache / "-".join(packages), [
        ["apt-get", "-q", "-o", "APT::Sandbox::User=root", "download", *packages],
        ["sh", "-c", "for p in ./*.deb; do dpkg-deb -x $p .; done"]])
