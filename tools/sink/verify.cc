// SPDX-License-Identifier: GPL-3.0-or-later
// Both sides are sorted by id and walked once, together.
#include "tools/sink/verify.h"

#include "core/base/limits.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>

namespace mailrace::tools {
namespace {

// More than the longest line with its end.
constexpr size_t kLineBytesMax = 96;

void sort_by_id(std::vector<MailRecord>& records) {
  std::erase_if(records, [](const MailRecord& record) { return !record.has_id; });
  std::ranges::sort(records, {}, &MailRecord::id);
}

void find(MailMatch& match, MailFinding finding, const LoadId& id) {
  ++match.counts[size_t(finding)];
  std::vector<LoadId>& examples = match.examples[size_t(finding)];
  if (examples.size() < core::kMailExamplesMax) examples.push_back(id);
}

// first, last    what arrived under one id, at least one
// acknowledged   of that id; nullptr: it was not
void judge(MailMatch& match, const MailRecord* first, const MailRecord* last,
           const MailRecord* acknowledged) {
  if (acknowledged == nullptr) find(match, MailFinding::unknown, first->id);
  if (last - first > 1) find(match, MailFinding::doubled, first->id);
  const bool is_altered = std::any_of(first, last, [acknowledged](const MailRecord& record) {
    return record.is_altered || (acknowledged != nullptr && (record.crc != acknowledged->crc ||
                                                             record.size != acknowledged->size));
  });
  if (is_altered) find(match, MailFinding::altered, first->id);
}

}  // namespace

MailMatch match_mails(std::vector<MailRecord> acknowledged, std::vector<MailRecord> arrived) {
  sort_by_id(acknowledged);
  sort_by_id(arrived);
  const auto twice = std::ranges::unique(acknowledged, {}, &MailRecord::id);
  acknowledged.erase(twice.begin(), twice.end());
  MailMatch match{.acknowledged = acknowledged.size(), .arrived = arrived.size()};
  const MailRecord* sent = acknowledged.data();
  const MailRecord* const sent_end = sent + acknowledged.size();
  const MailRecord* at = arrived.data();
  const MailRecord* const end = at + arrived.size();
  while (at < end) {
    const LoadId id = at->id;
    for (; sent < sent_end && sent->id < id; ++sent) find(match, MailFinding::lost, sent->id);
    const MailRecord* const next =
        std::find_if(at, end, [&id](const MailRecord& record) { return record.id != id; });
    const bool is_known = sent < sent_end && sent->id == id;
    judge(match, at, next, is_known ? sent++ : nullptr);
    at = next;
  }
  for (; sent < sent_end; ++sent) find(match, MailFinding::lost, sent->id);
  return match;
}

tl::expected<std::vector<MailRecord>, std::string> read_records(std::string_view flag,
                                                                const std::string& path) {
  const auto wrong = [&](const std::string& what) {
    return tl::unexpected(std::string(flag) + ": " + what);
  };
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "re"),
                                                             &std::fclose);
  if (file == nullptr) return wrong(path + ": " + std::strerror(errno));
  std::vector<MailRecord> records;
  std::array<char, kLineBytesMax> line;
  while (std::fgets(line.data(), int(line.size()), file.get()) != nullptr) {
    const std::string place = path + ":" + std::to_string(records.size() + 1) + ": ";
    std::string_view text = line.data();
    const bool is_whole = text.ends_with('\n');
    if (is_whole) text.remove_suffix(1);
    const auto record = is_whole ? parse_record(text) : std::nullopt;
    if (!record) return wrong(place + "no line RUN.NUMBER.CRC SIZE");
    if (records.size() == core::kMailRecordsMax) {
      return wrong(place + "more than " + std::to_string(core::kMailRecordsMax) + " mails");
    }
    records.push_back(*record);
  }
  if (std::ferror(file.get()) != 0) return wrong(path + ": " + std::strerror(errno));
  return records;
}

}  // namespace mailrace::tools
