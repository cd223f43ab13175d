// SPDX-License-Identifier: GPL-3.0-or-later
// `mailrace spool show`: the envelope in lines, an empty line, then the mail data.
#include "core/base/limits.h"
#include "core/base/queue_id.h"
#include "spool/follower.h"
#include "spool/footer.h"
#include "tools/lib/exit_codes.h"
#include "tools/lib/flag_values.h"
#include "tools/lib/flags.h"
#include "tools/lib/posix_disk.h"
#include "tools/spool/claims.h"
#include "tools/spool/commands.h"
#include "tools/spool/output.h"
#include "tools/spool/walk.h"

#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace mailrace::tools {
namespace {

struct ShowFlags {
  std::string directory;
  std::string id;
  bool headers_only = false;
};

// As spool/FORMAT.md makes ids.
uint32_t worker_of(uint64_t id) { return uint32_t(id % core::kWorkersMax); }

const char* durability_name(uint8_t durability) {
  switch (durability) {
    case uint8_t(spool::Durability::disk):
      return "disk";
    case uint8_t(spool::Durability::page_cache):
      return "page-cache";
    default:
      return "unknown";
  }
}

// What MAIL said besides the reverse-path, as far as it did.
void add_claims(const auto& line, const spool::StoredEnvelope& envelope) {
  const core::MailClaims& claims = envelope.claims;
  if (claims.body != core::BodyType::unspecified) line("body", body_name(claims.body));
  if (claims.is_smtputf8) line("smtputf8", "yes");
  if (claims.return_content != core::ReturnContent::unspecified) {
    line("ret", return_content_name(claims.return_content));
  }
  if (!envelope.envelope_id.empty()) line("envid", printable(envelope.envelope_id));
  if (claims.requires_tls) line("requiretls", "yes");
  if (claims.priority) line("mt-priority", std::to_string(*claims.priority));
}

void add_tls(const auto& line, const spool::StoredTls& tls) {
  const auto add = [&line](const char* name, const std::string& value) {
    if (!value.empty()) line(name, printable(value));
  };
  add("tls", tls.version);
  add("cipher", tls.cipher);
  add("group", tls.group);
  add("sni", tls.server_name);
  add("client-cn", tls.client);
}

std::string envelope_text(const spool::StoredMail& mail, std::string_view mark) {
  const spool::StoredEnvelope& envelope = mail.envelope;
  std::string text;
  const auto line = [&text](std::string name, const std::string& value) {
    name += ':';
    name.resize(16, ' ');
    text += name + value + '\n';
  };
  line("queue-id", queue_id(mail.mail_id));
  line("received-at", timestamp(envelope.received_at));
  line("committed-at", timestamp({mail.end.committed_at_ns}));
  line("durability", durability_name(mail.end.durability));
  line("peer", endpoint_text(envelope.peer));
  line("helo", printable(envelope.helo));
  line("protocol", printable(envelope.protocol));
  add_tls(line, envelope.tls);
  line("reverse-path", "<" + printable(envelope.reverse_path) + ">");
  for (const spool::StoredRecipient& recipient : envelope.recipients) {
    line("forward-path", "<" + printable(recipient.forward_path) + ">");
    if (recipient.notify != core::NotifySet::unspecified) {
      line("  notify", notify_text(recipient.notify));
    }
    if (!recipient.original_recipient.empty()) {
      line("  orcpt", printable(recipient.original_recipient));
    }
  }
  add_claims(line, envelope);
  if (envelope.size_declared) line("size-declared", std::to_string(*envelope.size_declared));
  line("size", std::to_string(mail.data_bytes));
  if (!mark.empty()) line("mark", std::string(mark));
  return text + '\n';
}

// Passes the data on up to the empty line behind the header section, if only that is wanted; makes
// it harmless for a terminal: what a stranger sent must not move the cursor or rename the window.
class DataPrinter {
 public:
  DataPrinter(Output& out, bool headers_only)
      : out_(out), headers_only_(headers_only), terminal_(out.is_terminal()) {}

  void add(std::string_view text) {
    if (headers_only_) text = text.substr(0, header_section_left(text));
    out_.write(terminal_ ? harmless(text) : std::string(text));
  }
  bool done() const { return headers_only_ && matched_ == kEnd.size(); }

 private:
  static constexpr std::string_view kEnd = "\r\n\r\n";

  size_t header_section_left(std::string_view text) {
    for (size_t i = 0; i < text.size(); ++i) {
      if (done()) return i;
      if (text[i] == kEnd[matched_]) {
        ++matched_;
      } else {
        matched_ = text[i] == '\r' ? 1 : 0;
      }
    }
    return text.size();
  }

  static std::string harmless(std::string_view text) {
    std::string shown;
    for (size_t i = 0; i < text.size(); ++i) {
      const char c = text[i];
      const bool in_line = c == '\n' || c == '\t' || c == '\r';
      const bool control = uint8_t(c) < 0x20 || c == 0x7f;
      shown += control && !in_line ? printable(text.substr(i, 1)) : std::string(1, c);
    }
    return shown;
  }

  Output& out_;
  bool headers_only_;
  bool terminal_;
  size_t matched_ = 0;  // octets of kEnd
};

core::Result<void> print_data(SpoolWalk& walk, const spool::StoredMail& mail, Output& out,
                              bool headers_only) {
  DataPrinter printer(out, headers_only);
  const auto read = walk.reader().read_data(mail, [&](core::Octets octets) -> core::Result<void> {
    printer.add(core::as_text(octets));
    if (out.error() != 0) return core::fail_errno(out.error(), "stdout");
    if (printer.done()) return core::fail(core::Errc::busy, "show.done");
    return {};
  });
  if (!read && printer.done()) return {};
  return read;
}

// The mail, if an index names it and all of it is there.
std::optional<spool::StoredMail> find_by_index(const std::string& directory, uint64_t id) {
  PosixDisk disk;
  const auto place = spool::find_in_index(disk, directory, worker_of(id), id);
  if (!place) return std::nullopt;
  auto mail = spool::find_mail(disk, directory, *place);
  return mail ? std::optional(std::move(*mail)) : std::nullopt;
}

}  // namespace

int spool_show(int argc, char** argv) {
  ShowFlags flags;
  const Flag rows[] = {
      required(positional(text_flag("DIR", &flags.directory, "DIR", "the spool"))),
      required(positional(text_flag("ID", &flags.id, "ID", "queue id of the mail"))),
      switch_flag("headers-only", &flags.headers_only, "no mail data behind the header section"),
  };
  const ParseOutcome parsed = parse_flags("spool show", "shows one mail", rows, argc, argv);
  if (!parsed.proceed) return parsed.exit_code;
  const auto id = core::parse_queue_id(flags.id);
  if (!id) {
    complain("'" + printable(flags.id) + "' is not a queue id (13 digits or letters)");
    return kExitUsage;
  }

  Output out = Output::standard();
  SpoolWalk walk(flags.directory, /*quiet=*/false);
  if (!walk.open()) return kExitUsage;
  bool found = false;
  core::Result<void> read;
  const auto show = [&](const spool::StoredMail& mail) {
    found = true;
    walk.progress().clear();
    out.write(envelope_text(mail, mark_name(walk.mark(*id))));
    read = print_data(walk, mail, out, flags.headers_only);
  };
  if (const auto mail = find_by_index(flags.directory, *id)) {
    show(*mail);
  } else {
    spool::SpoolVisit visit;
    visit.only_worker = worker_of(*id);
    visit.mail = [&](const spool::StoredMail& other) {
      if (other.mail_id != *id) return true;
      show(other);
      return false;
    };
    if (!walk.run(std::move(visit))) return kExitUsage;
  }
  out.flush();
  if (!found) {
    complain(flags.directory + ": no mail " + queue_id(*id));
  } else if (out.error() != 0) {
    complain_errno("stdout", out.error());
  } else if (!read) {
    complain(queue_id(*id) + ": cannot be read: " + read.error().where);
  }
  return found && read && out.error() == 0 ? kExitOk : kExitFailure;
}

}  // namespace mailrace::tools
