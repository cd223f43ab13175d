// SPDX-License-Identifier: GPL-3.0-or-later
// The end record says how much data and how many recipients there must be: a mail with any record
// lost is reported, never delivered in part or to some.
#include "spool/mail_reader.h"

#include "core/base/limits.h"

#include <algorithm>
#include <utility>

namespace mailrace::spool {
namespace {

const char* problem_of(const StoredMail& mail, const EndBody& end) noexcept {
  const bool headed = !mail.envelope.protocol.empty();  // in the first envelope record, always
  if (!headed || mail.envelope.recipients.empty()) return "mail.envelope";
  if (mail.envelope.recipients.size() != end.recipients) return "mail.recipients";
  if (mail.extents.size() != end.data_records) return "mail.data_records";
  if (mail.data_bytes != end.data_bytes) return "mail.data_bytes";
  return nullptr;
}

}  // namespace

MailReader::OpenMail* MailReader::find(uint64_t mail_id) {
  const auto found = by_id_.find(mail_id);
  if (found == by_id_.end()) return nullptr;
  open_.splice(open_.end(), open_, found->second);
  return &*found->second;
}

MailReader::Event MailReader::add(uint64_t segment, const Record& record) {
  switch (record.header.type) {
    case RecordType::envelope:
      return add_envelope(segment, record);
    case RecordType::data:
      add_data(segment, record);
      return Event::none;
    case RecordType::end:
      return add_end(segment, record);
    case RecordType::mark:
    case RecordType::seal:
    case RecordType::index:
      return Event::none;
  }
  return Event::none;
}

MailReader::Event MailReader::add_envelope(uint64_t segment, const Record& record) {
  Event event = Event::none;
  OpenMail* open = find(record.header.mail_id);
  if (open == nullptr) {
    if (open_.size() >= core::kReaderOpenMailsMax) event = drop_oldest();
    open_.emplace_back();
    open = &open_.back();
    by_id_[record.header.mail_id] = std::prev(open_.end());
    open->mail.mail_id = record.header.mail_id;
    open->mail.worker = worker_;
    open->mail.first_segment = segment;
    open->first_offset = record.offset;
  }
  if (!open->mail.extents.empty()) open->bad = "mail.order";
  if (!decode_envelope(record.body, open->mail.envelope)) open->bad = "mail.envelope";
  return event;
}

void MailReader::add_data(uint64_t segment, const Record& record) {
  OpenMail* const open = find(record.header.mail_id);
  if (open == nullptr) return;  // its end record, if there is one, will report it
  open->mail.extents.push_back({segment, record.offset + core::kRecordHeaderBytes,
                                record.header.body_bytes, record.header.body_crc});
  open->mail.data_bytes += record.header.body_bytes;
}

MailReader::Event MailReader::add_end(uint64_t segment, const Record& record) {
  OpenMail* const open = find(record.header.mail_id);
  const auto end = decode_end(record.body);
  const char* bad = nullptr;
  const bool begun = open != nullptr;
  const bool removed = begun ? open->cut_off : gap_;
  if (open == nullptr) {
    bad = "mail.first_records";
  } else if (!end) {
    bad = "mail.end";
  } else {
    bad = open->bad != nullptr ? open->bad : problem_of(open->mail, *end);
  }
  if (open != nullptr) {
    mail_ = std::move(open->mail);
    by_id_.erase(record.header.mail_id);
    open_.pop_back();  // find() put it there
  }
  if (bad != nullptr) {
    if (removed) {
      mail_.end = end.value_or(EndBody{});
      return Event::cut_off;
    }
    const uint64_t first_segment = begun ? mail_.first_segment : 0;
    problem_ = {record.header.mail_id, first_segment, segment, record.offset, bad};
    return Event::damaged;
  }
  mail_.end = *end;
  mail_.end_segment = segment;
  mail_.end_offset = record.offset;
  return Event::mail;
}

MailReader::Event MailReader::drop_oldest() {
  const OpenMail& oldest = open_.front();
  const uint64_t segment = oldest.mail.first_segment;
  problem_ = {oldest.mail.mail_id, segment, segment, oldest.first_offset, "mail.open_mails"};
  by_id_.erase(oldest.mail.mail_id);
  open_.pop_front();
  ++dropped_;
  return Event::dropped;
}

void MailReader::note_gap() {
  gap_ = true;
  for (OpenMail& open : open_) open.cut_off = true;
}

std::optional<uint64_t> MailReader::oldest_open_segment() const {
  const auto oldest = std::ranges::min_element(
      open_, {}, [](const OpenMail& open) { return open.mail.first_segment; });
  if (oldest == open_.end()) return std::nullopt;
  return oldest->mail.first_segment;
}

}  // namespace mailrace::spool
