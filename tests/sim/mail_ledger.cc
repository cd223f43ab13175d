// SPDX-License-Identifier: GPL-3.0-or-later
// Read with the reader that operators use: writer and reader are proved against each other.
#include "tests/sim/mail_ledger.h"

#include "core/base/check.h"
#include "core/base/queue_id.h"
#include "spool/footer.h"
#include "spool/reader.h"
#include "spool/segment.h"
#include "spool/spool_reader.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace mailrace::tests {
namespace {

constexpr char kHelo[] = "client.example.org";

std::string made_up(uint64_t seed, size_t bytes) {
  core::Prng random(seed);
  std::string text(bytes, '\0');
  uint64_t letters = 0;
  for (size_t i = 0; i < bytes; ++i, letters >>= 8) {
    if (i % 8 == 0) letters = random.next();
    text[i] = char('a' + (letters & 0xff) % 26);
  }
  return text;
}

core::Endpoint peer_of(const SimMail& mail) {
  core::Endpoint peer;
  peer.address.is_v4 = mail.seed % 2 == 0;
  peer.address.octets[0] = uint8_t(mail.seed % 200);
  peer.port = uint16_t(mail.seed);
  return peer;
}

// Where the footer and a full scan of the segment disagree; empty: nowhere.
std::string difference(MemoryDisk& disk, core::FileHandle file, uint64_t number,
                       const spool::Footer& footer) {
  std::vector<spool::IndexEntry> ends;
  uint64_t data_bytes = 0;
  uint64_t mail_id_max = footer.head.mail_id_floor;
  spool::SegmentReader reader(disk, file, {.generation = number});
  for (auto step = reader.next(); step != spool::SegmentReader::Step::end; step = reader.next()) {
    if (step == spool::SegmentReader::Step::damage) return reader.damage().what;
    const spool::Record& record = reader.record();
    mail_id_max = std::max(mail_id_max, record.header.mail_id);
    if (record.header.type != spool::RecordType::end) continue;
    data_bytes += spool::decode_end(record.body)->data_bytes;
    ends.push_back({record.header.mail_id, record.offset, number});
  }
  const spool::SealBody& seal = footer.seal;
  if (reader.outcome().end != spool::SegmentEnd::sealed) return "not sealed";
  if (reader.outcome().valid_bytes != footer.end) return "end";
  if (reader.outcome().records != seal.records + 1) return "records";
  if (ends.size() != seal.mails || ends.size() != seal.index_entries) return "mails";
  if (data_bytes != seal.data_bytes) return "data_bytes";
  if (mail_id_max != footer.mail_id_max()) return "mail_id_max";
  size_t i = 0;
  const bool read = spool::read_index(disk, file, footer, [&](const spool::IndexEntry& entry) {
    const bool same = entry.mail_id == ends[i].mail_id && entry.end_offset == ends[i].end_offset &&
                      entry.first_segment >= 1 && entry.first_segment <= number;
    i += same ? 1 : 0;
    return same;
  });
  return read && i == ends.size() ? "" : "index";
}

}  // namespace

std::string SimMail::reverse_path() const {
  return seed % 7 == 0 ? "" : made_up(seed, 1 + seed % 60) + "@example.org";
}

std::string SimMail::forward_path(uint32_t index) const {
  return made_up(seed + index, 1 + (seed + index) % 200) + std::to_string(index) + "@example.com";
}

spool::StoredRecipient SimMail::recipient(uint32_t index) const {
  spool::StoredRecipient recipient;
  recipient.forward_path = forward_path(index);
  recipient.notify = core::NotifySet((seed + index) % 3 == 0 ? (seed + index) % 16 : 0);
  if ((seed + index) % 5 == 0) {
    recipient.original_recipient = "rfc822;" + made_up(seed + index, (seed + index) % 400);
  }
  return recipient;
}

core::MailClaims SimMail::claims() const {
  core::MailClaims claims;
  claims.body = core::BodyType(seed % 4);
  claims.is_smtputf8 = seed % 2 == 0;
  claims.requires_tls = seed % 3 == 0;
  claims.return_content = core::ReturnContent(seed % 3);
  if (seed % 4 == 0) claims.priority = int8_t(int(seed % 19) - 9);
  return claims;
}

std::string SimMail::envelope_id() const { return seed % 6 == 0 ? made_up(seed, seed % 300) : ""; }

std::vector<std::byte> SimMail::data() const {
  std::vector<std::byte> octets((data_bytes + 7) / 8 * 8);
  core::Prng random(seed);
  for (size_t at = 0; at < octets.size(); at += 8) core::store_le(&octets[at], random.next());
  octets.resize(data_bytes);
  return octets;
}

bool is_as_sent(const spool::StoredMail& mail, const SimMail& expected) {
  const spool::StoredEnvelope& envelope = mail.envelope;
  bool same =
      mail.end.durability == uint8_t(expected.durability) && envelope.helo == kHelo &&
      envelope.protocol == "ESMTP" && envelope.reverse_path == expected.reverse_path() &&
      envelope.peer == peer_of(expected) && envelope.claims == expected.claims() &&
      envelope.envelope_id == expected.envelope_id() &&
      envelope.size_declared.has_value() == (expected.seed % 5 == 0 && expected.data_bytes != 0) &&
      envelope.recipients.size() == expected.recipients;
  for (uint32_t i = 0; same && i < expected.recipients; ++i) {
    same = envelope.recipients[i] == expected.recipient(i);
  }
  return same;
}

core::Result<bool> has_data_as_sent(spool::SpoolReader& reader, const spool::StoredMail& mail,
                                    const SimMail& expected) {
  const std::vector<std::byte> data = expected.data();
  size_t at = 0;
  bool same = true;
  const auto read = reader.read_data(mail, [&](core::Octets octets) -> core::Result<void> {
    same = same && at + octets.size() <= data.size() &&
           std::memcmp(data.data() + at, octets.data(), octets.size()) == 0;
    at += octets.size();
    return {};
  });
  if (!read) return tl::unexpected<core::Error>(read.error());
  return same && at == data.size();
}

core::Result<core::MailHandle> MailLedger::begin(core::MailSink& sink, const SimMail& mail,
                                                 core::MailOwner owner, core::WallTime wall) {
  core::RecipientList recipients(paths_, paths_.block_count());
  for (uint32_t i = 0; i < mail.recipients; ++i) {
    const spool::StoredRecipient recipient = mail.recipient(i);
    MAILRACE_CHECK(
        recipients.append({recipient.forward_path, recipient.notify, recipient.original_recipient})
            .has_value());
  }
  const std::string envelope_id = mail.envelope_id();
  const std::string reverse_path = mail.reverse_path();
  core::Envelope envelope;
  envelope.received_at = wall;
  envelope.peer = peer_of(mail);
  envelope.helo = kHelo;
  envelope.protocol = "ESMTP";
  envelope.reverse_path = reverse_path;
  envelope.recipients = &recipients;
  envelope.claims = mail.claims();
  envelope.envelope_id = envelope_id;
  envelope.size_declared = mail.seed % 5 == 0 ? mail.data_bytes : 0;
  envelope.durability = mail.durability;
  const auto handle = sink.begin(envelope, owner);
  if (!handle) return handle;
  const auto found = entries_.find(handle->mail_id);
  // After a crash with a clock set back an id may come again, if the spool does not know it.
  const bool known = found != entries_.end() && !found->second.gone && !found->second.removed &&
                     !found->second.wiped;
  if (known && found->second.outcome == core::MailOutcome::durable) {
    problem("begin", handle->mail_id, "id of a durable mail was given out again");
  }
  entries_[handle->mail_id] = {.mail = mail};
  return handle;
}

void MailLedger::problem(const char* when, uint64_t mail_id, const std::string& what) {
  problems.push_back(std::string(when) + ": mail " + std::to_string(mail_id) + ": " + what);
}

void MailLedger::power_failed() {
  for (auto& [mail_id, entry] : entries_) {
    entry.excused = entry.mail.durability == core::Durability::page_cache;
  }
}

void MailLedger::taken_away() {
  for (auto& [mail_id, entry] : entries_) {
    if (entry.outcome == core::MailOutcome::durable) entry.removed = true;
  }
}

void MailLedger::compare(MemoryDisk& disk, bool crashed, const char* when) {
  disk.directories.insert(kSimSpool);
  disk.directories.insert(kSimWorker);
  std::vector<spool::Finding> findings;
  std::map<uint64_t, uint32_t> seen;
  std::string last;
  spool::SpoolReader reader(disk, kSimSpool);
  spool::SpoolVisit visit;
  visit.finding = [&](const spool::Finding& finding) { findings.push_back(finding); };
  visit.segment = [&](const spool::SegmentSummary& segment) {
    if (segment.outcome.records > 0) last = segment.file;
  };
  visit.mail = [&](const spool::StoredMail& mail) {
    const auto found = entries_.find(mail.mail_id);
    if (found == entries_.end() || !found->second.committed) {
      problem(when, mail.mail_id, "in the spool, but never committed");
      return true;
    }
    if (++seen[mail.mail_id] > 1) problem(when, mail.mail_id, "in the spool twice");
    const SimMail& expected = found->second.mail;
    if (!is_as_sent(mail, expected)) problem(when, mail.mail_id, "another envelope");
    const auto same = has_data_as_sent(reader, mail, expected);
    if (!same || !*same) problem(when, mail.mail_id, "other octets");
    return true;
  };
  if (!reader.walk(visit)) problem(when, 0, "the spool cannot be listed");
  compare_footers(disk, when);
  for (auto& [mail_id, entry] : entries_) {
    if (entry.retired) {
      if (seen.contains(mail_id)) problem(when, mail_id, "its segment is gone, but it is back");
      continue;
    }
    const bool may_be_gone = (entry.passed || entry.removed) && !seen.contains(mail_id);
    if (entry.outcome != core::MailOutcome::durable || may_be_gone) continue;
    if (entry.excused && !seen.contains(mail_id)) {
      if (!std::exchange(entry.gone, true)) ++excused_lost;
      continue;
    }
    if (seen.contains(mail_id)) {
      ++durable_seen;
    } else {
      problem(when, mail_id, "reported durable, but not in the spool");
    }
  }
  if (crashed && !last.empty()) excused.insert(last);
  for (const spool::Finding& finding : findings) {
    if (!findings_count || excused.contains(finding.file)) continue;
    problem(when, finding.mail_id,
            finding.file + " at " + std::to_string(finding.offset) + ": " + finding.what);
  }
}

// A footer that checks stands for its segment: whoever reads that finds what the footer says, and
// no damage. A crash is no excuse, only a disk that fails to cut off what a failed write left.
void MailLedger::compare_footers(MemoryDisk& disk, const char* when) {
  const auto names = disk.list(kSimWorker);
  for (const std::string& name : *names) {
    const auto number = spool::parse_segment_file_name(name);
    if (!number) continue;
    const std::string path = std::string(kSimWorker) + "/" + name;
    const auto file = disk.open(path, /*writable=*/false);
    const auto footer = spool::read_footer(disk, *file, *number);
    if (footer) {
      ++footers_seen;
      const std::string wrong = difference(disk, *file, *number, *footer);
      if (!wrong.empty() && findings_count) problem(when, 0, path + ": footer: " + wrong);
    }
    disk.close(*file);
  }
}

}  // namespace mailrace::tests
