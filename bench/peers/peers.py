# SPDX-License-Identifier: GPL-3.0-or-later
"""Other mail servers, taking mail in and delivering nothing: what they do before their 250.

Each is unpacked from its Debian package and runs in a mount namespace of its own, with users of its
own, because at most one of them can be installed. Each keeps its package's defaults for durability;
only limits on how much one client may send are lifted.
"""

import os
import pathlib
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


class Peer:
    """One server.

    directory   on the disk under test; emptied by whoever made it
    """

    packages = ()
    users = ()
    certificate = ""
    writable = ()  # directories of the machine that are its own

    def __init__(self, cache, directory, port):
        self.directory = pathlib.Path(directory)
        self.port = port
        self.root = unpack(pathlib.Path(cache), self.packages)
        self.configure()

    def write(self, name, text):
        path = self.directory / name
        path.parent.mkdir(exist_ok=True)
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
                  'mount -t overlay overlay -o lowerdir="$1/usr":/usr /usr',
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


PEERS = {"postfix": Postfix, "postfix-ecdsa": PostfixEcdsa, "postfix-rsa": PostfixRsa,
         "exim": Exim, "opensmtpd": OpenSmtpd}


def unpack(cache, packages):
    """Fetches packages once and unpacks them into one tree. Returns it."""
    root = cache / "-".join(packages)
    if not root.is_dir():
        partial = cache / (root.name + ".part")
        subprocess.run(["rm", "-rf", partial], check=True)
        partial.mkdir(parents=True)
        for command in (["apt-get", "-q", "-o", "APT::Sandbox::User=root", "download", *packages],
                        ["sh", "-c", "for p in ./*.deb; do dpkg-deb -x $p .; done"]):
            subprocess.run(command, cwd=partial, capture_output=True, timeout=FETCH_TIMEOUT_S,
                           check=True)
        partial.rename(root)
    return root
