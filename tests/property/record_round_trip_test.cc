// SPDX-License-Identifier: GPL-3.0-or-later
// Whatever mails are written, in whatever interleaving and cut into whatever segments: the reader
// gives back the same mails, and a flipped octet never another one.
#include "core/base/prng.h"
#include "spool/spool_reader.h"
#include "tests/support/memory_disk.h"
#include "tests/support/seed.h"
#include "tests/support/segment_builder.h"
#include "tests/support/walked_spool.h"

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

namespace mailrace::tests {
namespace {

using spool::RecordType;

std::string random_octets(core::Prng& prng, size_t size) {
  std::string octets(size, '\0');
  for (char& c : octets) c = char(prng.next());
  return octets;
}

TestMail random_mail(core::Prng& prng, uint64_t mail_id) {
  TestMail mail;
  mail.mail_id = mail_id;
  mail.reverse_path = random_octets(prng, prng.below(200));
  mail.forward_paths.clear();
  for (uint64_t i = 0; i <= prng.below(5); ++i) {
    mail.forward_paths.push_back(random_octets(prng, 1 + prng.below(200)));
  }
  mail.claims = {
      .body = core::BodyType(prng.below(4)),
      .is_smtputf8 = prng.below(2) == 0,
      .requires_tls = prng.below(2) == 0,
      .return_content = core::ReturnContent(prng.below(3)),
      .priority = prng.below(2) == 0 ? std::optional(int8_t(prng.next())) : std::nullopt};
  mail.envelope_id = random_octets(prng, prng.below(core::kEnvelopeIdXtextBytesMax + 1));
  mail.notify = core::NotifySet(prng.below(16));
  mail.original_recipient = random_octets(prng, prng.below(core::kOriginalRecipientBytesMax + 1));
  mail.data = random_octets(prng, 1 + prng.below(prng.below(8) == 0 ? 100'000 : 300));
  mail.received_at_ns = int64_t(prng.next() >> 2);
  return mail;
}

/// A mail on its way into a segment.
struct Writing {
  TestMail mail;
  size_t written = 0;
  uint32_t records = 0;
  bool begun = false;
};

// One more record of the mail. returns  whether it was the last
bool write_record(core::Prng& prng, SegmentBuilder& segment, Writing& writing) {
  const TestMail& mail = writing.mail;
  if (!writing.begun) {
    segment.add_envelope(mail);
    writing.begun = true;
    return false;
  }
  if (writing.written == mail.data.size()) {
    segment.add_end(mail.mail_id, mail.data.size(), writing.records,
                    uint16_t(mail.forward_paths.size()));
    return true;
  }
  const size_t piece = 1 + prng.below(mail.data.size() - writing.written);
  segment.add_data(mail.mail_id, std::string_view(mail.data).substr(writing.written, piece));
  writing.written += piece;
  ++writing.records;
  return false;
}

std::map<uint64_t, TestMail> write_spool(core::Prng& prng, MemoryDisk& disk) {
  std::map<uint64_t, TestMail> mails;
  std::vector<Writing> open;
  uint64_t number = 1;
  SegmentBuilder segment(number);
  const auto next_segment = [&] {
    segment.add_seal();
    disk.files[spool::segment_path("/spool", 0, number)] = segment.octets();
    segment = SegmentBuilder(++number);
  };
  const uint64_t count = 1 + prng.below(12);
  while (mails.size() < count || !open.empty()) {
    if (mails.size() < count && (open.empty() || prng.below(3) == 0)) {
      const TestMail mail = random_mail(prng, 1 + mails.size());
      mails[mail.mail_id] = mail;
      open.push_back({.mail = mail});
    }
    const size_t chosen = prng.below(open.size());
    if (write_record(prng, segment, open[chosen])) open.erase(open.begin() + ptrdiff_t(chosen));
    if (prng.below(10) == 0) next_segment();
  }
  next_segment();
  return mails;
}

bool equal(const WalkedSpool& walked, uint64_t id, const TestMail& mail) {
  const spool::StoredMail& stored = walked.mails.at(id);
  return walked.data.at(id) == mail.data && stored.data_bytes == mail.data.size() &&
         stored.envelope.reverse_path == mail.reverse_path &&
         forward_paths_of(stored.envelope) == mail.forward_paths &&
         std::ranges::all_of(stored.envelope.recipients,
                             [&](const spool::StoredRecipient& recipient) {
                               return recipient.notify == mail.notify &&
                                      recipient.original_recipient == mail.original_recipient;
                             }) &&
         stored.envelope.claims == mail.claims && stored.envelope.envelope_id == mail.envelope_id &&
         stored.envelope.received_at.ns == mail.received_at_ns;
}

TEST(RecordRoundTripTest, TheReaderGivesBackWhatWasWritten) {
  const uint64_t seed = test_seed();
  SCOPED_TRACE(testing::Message() << "MAILRACE_TEST_SEED=" << seed);
  core::Prng prng(seed);
  for (int round = 0; round < 100; ++round) {
    MemoryDisk disk;
    const auto mails = write_spool(prng, disk);
    const WalkedSpool walked = walk_spool(disk, "/spool");
    ASSERT_TRUE(walked.findings.empty());
    ASSERT_EQ(walked.mails.size(), mails.size());
    for (const auto& [id, mail] : mails) ASSERT_TRUE(equal(walked, id, mail)) << "mail " << id;
  }
}

TEST(RecordRoundTripTest, DamagedOctetsNeverMakeAnotherMail) {
  const uint64_t seed = test_seed();
  SCOPED_TRACE(testing::Message() << "MAILRACE_TEST_SEED=" << seed);
  core::Prng prng(seed ^ 1);
  for (int round = 0; round < 100; ++round) {
    MemoryDisk disk;
    const auto mails = write_spool(prng, disk);
    for (auto& [path, octets] : disk.files) {
      const uint64_t flips = prng.below(3);
      for (uint64_t i = 0; i < flips; ++i) octets[prng.below(octets.size())] ^= std::byte{0x10};
      if (prng.below(8) == 0) octets.resize(prng.below(octets.size()));
    }
    const WalkedSpool walked = walk_spool(disk, "/spool");
    for (const auto& [id, stored] : walked.mails) {
      ASSERT_TRUE(mails.contains(id));
      ASSERT_TRUE(equal(walked, id, mails.at(id))) << "mail " << id;
    }
  }
}

}  // namespace
}  // namespace mailrace::tests
