// SPDX-License-Identifier: GPL-3.0-or-later
// Built with the encoders of the spool, placed one behind the other.
#include "tests/support/segment_builder.h"

#include "core/base/block_pool.h"
#include "core/base/limits.h"
#include "core/smtp/recipient_list.h"
#include "spool/envelope.h"

#include <algorithm>
#include <array>

namespace mailrace::tests {

using spool::RecordType;

SegmentBuilder::SegmentBuilder(uint64_t generation, uint32_t worker, uint64_t salt,
                               uint32_t version)
    : key_(generation, salt), octets_(spool::kSegmentHeadBytes) {
  spool::encode_segment_head(octets_, {generation, worker, /*created_at_ns=*/0, 1 << 20, salt,
                                       /*mail_id_floor=*/0, version});
}

uint64_t SegmentBuilder::add(RecordType type, uint64_t mail_id, core::Octets body) {
  const uint64_t offset = octets_.size();
  octets_.resize(offset + spool::record_bytes(body.size()));
  std::byte* const at = octets_.data() + offset;
  if (!body.empty()) std::memcpy(at + core::kRecordHeaderBytes, body.data(), body.size());
  spool::encode_record({at, core::kRecordHeaderBytes}, type, mail_id, body);
  spool::place_record(at, key_, sequence_++);
  if (type == RecordType::end) note_end(mail_id, offset, body);
  seal_.mail_id_max = std::max(seal_.mail_id_max, mail_id);
  offsets_.push_back(offset);
  return offset;
}

uint64_t SegmentBuilder::add_envelope(const TestMail& mail) {
  return add(RecordType::envelope, mail.mail_id, encode_test_envelope(mail));
}

uint64_t SegmentBuilder::add_data(uint64_t mail_id, std::string_view data) {
  return add(RecordType::data, mail_id, core::as_octets(data));
}

uint64_t SegmentBuilder::add_end(uint64_t mail_id, uint64_t data_bytes, uint32_t data_records,
                                 uint16_t recipients) {
  std::array<std::byte, spool::kEndBodyBytes> body{};
  spool::encode_end(body.data(),
                    {data_bytes, 0, data_records, uint8_t(spool::Durability::disk), recipients});
  return add(RecordType::end, mail_id, body);
}

void SegmentBuilder::add_mail(const TestMail& mail, size_t piece_bytes) {
  add_envelope(mail);
  uint32_t records = 0;
  for (size_t at = 0; at < mail.data.size(); at += piece_bytes, ++records) {
    add_data(mail.mail_id, std::string_view(mail.data).substr(at, piece_bytes));
  }
  add_end(mail.mail_id, mail.data.size(), records, uint16_t(mail.forward_paths.size()));
}

uint64_t SegmentBuilder::add_mark(uint64_t durable_bytes) {
  std::array<std::byte, spool::kMarkBodyBytes> body{};
  spool::encode_mark(body.data(), {durable_bytes});
  return add(RecordType::mark, 0, body);
}

void SegmentBuilder::add_seal() {
  std::array<std::byte, spool::kSealBodyBytes> body{};
  spool::encode_seal(body.data(), {.mails = mails_, .records = sequence_});
  add(RecordType::seal, 0, core::Octets(body).first(spool::kSealBodyBytesVersion2));
}

void SegmentBuilder::note_end(uint64_t mail_id, uint64_t offset, core::Octets body) {
  ++mails_;
  entries_.push_back({mail_id, offset, key_.generation()});
  seal_.data_bytes += core::load_le<uint64_t>(body.data());
  seal_.first_ended = mails_ == 1 ? mail_id : std::min(seal_.first_ended, mail_id);
  seal_.last_ended = std::max(seal_.last_ended, mail_id);
}

void SegmentBuilder::add_footer() {
  if (!entries_.empty()) {
    std::vector<std::byte> index(entries_.size() * spool::kIndexEntryBytes);
    for (size_t i = 0; i < entries_.size(); ++i) {
      spool::encode_index_entry(&index[i * spool::kIndexEntryBytes], entries_[i]);
    }
    seal_.index_at = add(RecordType::index, 0, index);
  }
  seal_.began_at = add_mark(octets_.size());
  seal_.mails = mails_;
  seal_.records = sequence_;
  seal_.index_entries = entries_.size();
  std::array<std::byte, spool::kSealBodyBytes> body{};
  spool::encode_seal(body.data(), seal_);
  add(RecordType::seal, 0, body);
}

void SegmentBuilder::allocate(uint64_t bytes) { octets_.resize(bytes); }

std::vector<std::byte> encode_test_envelope(const TestMail& mail) {
  core::BlockPool pool(4096, 128);
  core::RecipientList recipients(pool, pool.block_count());
  for (const std::string& path : mail.forward_paths) {
    recipients.append({path, mail.notify, mail.original_recipient});
  }
  core::Envelope envelope;
  envelope.received_at.ns = mail.received_at_ns;
  envelope.peer.address.octets = {192, 0, 2, 1};
  envelope.peer.port = 49152;
  envelope.helo = "client.example.org";
  envelope.protocol = "ESMTP";
  envelope.reverse_path = mail.reverse_path;
  envelope.recipients = &recipients;
  envelope.claims = mail.claims;
  envelope.envelope_id = mail.envelope_id;
  std::vector<std::byte> body(spool::kEnvelopeHeadBytesMax);
  body.resize(spool::encode_envelope_head(body, envelope));
  recipients.for_each([&](const core::Recipient& recipient) {
    const size_t at = body.size();
    body.resize(at + spool::recipient_bytes(recipient));
    spool::encode_recipient(body.data() + at, recipient);
    return true;
  });
  return body;
}

}  // namespace mailrace::tests
