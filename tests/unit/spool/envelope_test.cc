// SPDX-License-Identifier: GPL-3.0-or-later
// Envelopes as fields: what was written is read, and nothing else passes.
#include "spool/envelope.h"

#include "core/base/limits.h"
#include "tests/support/segment_builder.h"
#include "tests/support/walked_spool.h"

#include <gtest/gtest.h>

#include <array>
#include <string>
#include <vector>

namespace mailrace::spool {
namespace {

std::vector<std::byte> field(uint8_t tag, std::string_view value) {
  std::vector<std::byte> octets(field_bytes(value.size()));
  encode_field(octets.data(), FieldTag(tag), core::as_octets(value));
  return octets;
}

TEST(EnvelopeTest, DecodesWhatWasEncoded) {
  const auto body = tests::encode_test_envelope({.reverse_path = "",
                                                 .forward_paths = {"b@example.com", "c@d"},
                                                 .data = "",
                                                 .received_at_ns = 1'700'000'000'123'456'789});
  StoredEnvelope envelope;
  ASSERT_TRUE(decode_envelope(body, envelope));
  EXPECT_EQ(envelope.received_at.ns, 1'700'000'000'123'456'789);
  EXPECT_TRUE(envelope.peer.address.is_v4);
  EXPECT_EQ(envelope.peer.address.octets[0], 192);
  EXPECT_EQ(envelope.peer.port, 49152);
  EXPECT_EQ(envelope.helo, "client.example.org");
  EXPECT_EQ(envelope.protocol, "ESMTP");
  EXPECT_EQ(envelope.reverse_path, "");
  EXPECT_EQ(tests::forward_paths_of(envelope), (std::vector<std::string>{"b@example.com", "c@d"}));
  EXPECT_EQ(envelope.claims, core::MailClaims());
  EXPECT_EQ(envelope.envelope_id, "");
  EXPECT_FALSE(envelope.size_declared);
}

TEST(EnvelopeTest, KeepsTheParametersOfMail) {
  core::Envelope given;
  given.peer.address.is_v4 = false;
  given.peer.address.octets = {0x20, 0x01, 0x0d, 0xb8};
  given.claims = {.body = core::BodyType::binary_mime,
                  .is_smtputf8 = true,
                  .requires_tls = true,
                  .return_content = core::ReturnContent::header_section,
                  .priority = int8_t{-9}};
  given.envelope_id = "QQ314159+2B";
  given.size_declared = uint64_t{1} << 40;
  std::array<std::byte, kEnvelopeHeadBytesMax> octets;
  const size_t bytes = encode_envelope_head(octets, given);
  StoredEnvelope envelope;
  ASSERT_TRUE(decode_envelope(core::Octets(octets).first(bytes), envelope));
  EXPECT_EQ(envelope.peer, given.peer);
  EXPECT_EQ(envelope.claims, given.claims);
  EXPECT_EQ(envelope.envelope_id, "QQ314159+2B");
  EXPECT_EQ(envelope.size_declared, uint64_t{1} << 40);
}

TEST(EnvelopeTest, TheLongestEnvelopeHeadFits) {
  const std::string helo(core::kHeloBytesMax, 'h');
  const std::string path(core::kPathBytesMax, 'p');
  const std::string protocol(16, 'P');
  core::Envelope given;
  given.peer.address.is_v4 = false;
  given.helo = helo;
  given.protocol = protocol;
  given.reverse_path = path;
  const std::string envelope_id(core::kEnvelopeIdXtextBytesMax, 'e');
  given.claims = {.body = core::BodyType::seven_bit,
                  .is_smtputf8 = true,
                  .requires_tls = true,
                  .return_content = core::ReturnContent::full,
                  .priority = int8_t{9}};
  given.envelope_id = envelope_id;
  given.size_declared = UINT64_MAX;
  std::array<std::byte, kEnvelopeHeadBytesMax> octets;
  EXPECT_LE(encode_envelope_head(octets, given), octets.size());
}

TEST(EnvelopeTest, KeepsWhatRcptSaidOfEachRecipient) {
  auto body = tests::encode_test_envelope({.forward_paths = {"a@b"}, .data = ""});
  const core::Recipient given[] = {
      {"c@d", core::NotifySet::never, ""},
      {"e@f", core::NotifySet::unspecified, "rfc822;e@f"},
      {"g@h", core::NotifySet::success | core::NotifySet::delay, "utf-8;g@h"},
      {"i@j", core::NotifySet::unspecified, ""}};
  for (const core::Recipient& recipient : given) {
    const size_t at = body.size();
    body.resize(at + recipient_bytes(recipient));
    EXPECT_EQ(encode_recipient(body.data() + at, recipient), body.size() - at);
  }
  StoredEnvelope envelope;
  ASSERT_TRUE(decode_envelope(body, envelope));
  ASSERT_EQ(envelope.recipients.size(), 5u);
  EXPECT_EQ(envelope.recipients[0], (StoredRecipient{"a@b", core::NotifySet::unspecified, ""}));
  for (size_t i = 0; i < std::size(given); ++i) {
    const StoredRecipient& stored = envelope.recipients[i + 1];
    EXPECT_EQ(stored.forward_path, given[i].forward_path);
    EXPECT_EQ(stored.notify, given[i].notify);
    EXPECT_EQ(stored.original_recipient, given[i].original_recipient);
  }
}

TEST(EnvelopeTest, FieldsOfARecipientMayStandInTheNextRecord) {
  StoredEnvelope envelope;
  ASSERT_TRUE(decode_envelope(field(uint8_t(FieldTag::forward_path), "a@b"), envelope));
  ASSERT_TRUE(decode_envelope(field(uint8_t(FieldTag::notify), "\1"), envelope));
  ASSERT_TRUE(decode_envelope(field(uint8_t(FieldTag::original_recipient), "x;y"), envelope));
  EXPECT_EQ(envelope.recipients,
            (std::vector<StoredRecipient>{{"a@b", core::NotifySet::never, "x;y"}}));
}

TEST(EnvelopeTest, RefusesFieldsOfNoRecipient) {
  for (const FieldTag tag : {FieldTag::notify, FieldTag::original_recipient}) {
    StoredEnvelope envelope;
    EXPECT_FALSE(decode_envelope(field(uint8_t(tag), "\1"), envelope));
  }
}

TEST(EnvelopeTest, SkipsUnknownTags) {
  auto body = field(200, "from a later version");
  const auto known = field(uint8_t(FieldTag::helo), "client");
  body.insert(body.end(), known.begin(), known.end());
  StoredEnvelope envelope;
  ASSERT_TRUE(decode_envelope(body, envelope));
  EXPECT_EQ(envelope.helo, "client");
}

TEST(EnvelopeTest, NoPrefixReadsBeyondItself) {
  const auto body = tests::encode_test_envelope({.data = ""});
  size_t whole = 0;
  for (size_t size = 0; size < body.size(); ++size) {
    const std::vector<std::byte> prefix(body.begin(), body.begin() + ptrdiff_t(size));
    StoredEnvelope envelope;
    if (decode_envelope(prefix, envelope)) ++whole;
  }
  EXPECT_EQ(whole, 6u);  // the empty one, and those that end between two of the six fields
}

TEST(EnvelopeTest, RefusesLengthsThatDoNotFitTheTag) {
  constexpr uint8_t kFixed[] = {1, 2, 7, 8, 9, 10, 12, 14, 15};
  for (const uint8_t tag : kFixed) {
    const bool is_flag = tag == 9 || tag == 14;
    for (const size_t size : {size_t{is_flag}, size_t{3}, size_t{9}, size_t{300}}) {
      StoredEnvelope envelope;
      envelope.recipients.emplace_back();
      const auto decoded = decode_envelope(field(tag, std::string(size, '\4')), envelope);
      ASSERT_FALSE(decoded) << int(tag) << " " << size;
      EXPECT_EQ(decoded.error().code, core::Errc::corrupt);
    }
  }
}

TEST(EnvelopeTest, RefusesMoreForwardPathsThanAServerTakes) {
  StoredEnvelope envelope;
  const auto path = field(uint8_t(FieldTag::forward_path), "a@b");
  for (uint32_t i = 0; i < core::kRecipientsMax; ++i) ASSERT_TRUE(decode_envelope(path, envelope));
  EXPECT_FALSE(decode_envelope(path, envelope));
}

}  // namespace
}  // namespace mailrace::spool
