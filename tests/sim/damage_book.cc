// SPDX-License-Identifier: GPL-3.0-or-later
// The places that matter most come up most: heads, footers, first records and ends.
#include "tests/sim/damage_book.h"

#include "spool/segment.h"
#include "spool/spool_reader.h"
#include "tests/sim/mail_ledger.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace mailrace::tests {
namespace {

constexpr uint64_t kStretchBytesMax = 4096;
constexpr uint64_t kHeadUsedBytes = 72;

uint64_t vouched_by(spool::RecordType type, core::Octets body) {
  if (type == spool::RecordType::mark) return spool::decode_mark(body)->durable_bytes;
  if (type == spool::RecordType::seal) return spool::decode_seal(body)->began_at;
  return 0;
}

std::optional<SeenRecord> record_at(core::Octets octets, uint64_t at,
                                    const spool::SegmentKey& key) {
  const core::Octets rest = octets.subspan(at);
  const auto header = spool::decode_record(rest, key);
  if (!header) return std::nullopt;
  const uint64_t bytes = core::kRecordHeaderBytes + header->body_bytes;
  if (bytes > rest.size()) return std::nullopt;
  const core::Octets body = rest.first(bytes).subspan(core::kRecordHeaderBytes);
  if (!spool::body_matches(*header, body)) return std::nullopt;
  return SeenRecord{at, bytes, header->mail_id, header->type, vouched_by(header->type, body)};
}

bool is_equal(core::Octets one, core::Octets other) {
  return one.size() == other.size() && std::memcmp(one.data(), other.data(), one.size()) == 0;
}

bool is_intact(const SeenRecord& record, core::Octets before, core::Octets after) {
  return record.offset + record.bytes <= after.size() &&
         is_equal(before.subspan(record.offset, record.bytes),
                  after.subspan(record.offset, record.bytes));
}

struct Place {
  uint64_t offset = 0;
  uint64_t bytes = 1;
};

/// Chooses one damage.
class Chooser {
 public:
  Chooser(core::Prng& random, const FileContents& files, const FileContents& older)
      : random_(random), files_(files), older_(older) {}

  std::optional<Damage> choose(uint64_t number) {
    const std::vector<std::byte>& octets = files_.at(sim_segment_path(number));
    Place place = choose_place(octets, number);
    std::vector<std::byte> changed;
    const char* kind = "";
    bool is_unreadable = false;
    switch (random_.below(5)) {
      case 0:
        kind = "a bit flipped";
        place.bytes = 1;
        changed.assign(1, octets[place.offset] ^ std::byte(1 << random_.below(8)));
        break;
      case 1:
        kind = "zeros";
        changed.assign(place.bytes, std::byte{0});
        break;
      case 2:
        kind = "rubbish";
        for (uint64_t i = 0; i < place.bytes; ++i) changed.push_back(std::byte(random_.next()));
        break;
      case 3:
        kind = "from elsewhere";
        changed = from_elsewhere(place, number);
        break;
      default:
        kind = "unreadable";
        is_unreadable = true;
        changed = unreadable(place, octets.size());
        break;
    }
    changed.resize(std::min<size_t>(changed.size(), octets.size() - place.offset));
    if (is_equal(changed, core::Octets(octets).subspan(place.offset, changed.size()))) {
      return std::nullopt;
    }
    return Damage{number, place.offset, std::move(changed), kind, is_unreadable};
  }

 private:
  bool chance(uint32_t thousandths) { return random_.below(1000) < thousandths; }

  Place choose_place(core::Octets octets, uint64_t number) {
    const std::vector<SeenRecord> records = records_of(octets, number);
    const uint64_t end = records.empty() ? octets.size() : end_of(records.back());
    Place place;
    switch (random_.below(6)) {
      case 0:
        place.offset = random_.below(kHeadUsedBytes);
        break;
      case 1:
        place.offset = records.empty() ? 0 : near_start_of(records.front());
        break;
      case 2:
        place.offset = end - 1 - random_.below(200);
        break;
      case 3:
        place.offset = end - 1 - random_.below(std::min(end, 3 * kStretchBytesMax));
        break;
      default:
        place.offset = random_.below(end);
        break;
    }
    place.bytes = 1 + random_.below(chance(500) ? 64 : kStretchBytesMax);
    place.bytes = std::min<uint64_t>(place.bytes, octets.size() - place.offset);
    return place;
  }

  static uint64_t end_of(const SeenRecord& record) { return record.offset + record.bytes; }
  uint64_t near_start_of(const SeenRecord& record) {
    return record.offset + random_.below(std::min<uint64_t>(record.bytes, 64));
  }

  // Written to the wrong place, or what should have replaced it never was.
  std::vector<std::byte> from_elsewhere(Place& place, uint64_t number) {
    const FileContents& source_files = chance(500) && !older_.empty() ? older_ : files_;
    auto source = source_files.begin();
    std::advance(source, std::ptrdiff_t(random_.below(source_files.size())));
    const bool is_other = &source_files == &older_ || source->first != sim_segment_path(number);
    const core::Octets octets = source->second;
    const uint64_t unit = chance(500) ? core::kBlockBytes : core::kRecordAlignment;
    place.offset -= place.offset % unit;
    if (unit == core::kBlockBytes) place.bytes = core::kBlockBytes;
    uint64_t from = place.offset;
    // Within one segment nothing tells places apart: only what stood there before.
    if (chance(500) && octets.size() > unit && source->first != sim_segment_path(number)) {
      from = random_.below(octets.size());
      from -= from % unit;
    }
    if (!is_other || from >= octets.size()) return {};
    const core::Octets piece = octets.subspan(from);
    const core::Octets taken = piece.first(std::min<size_t>(piece.size(), place.bytes));
    return {taken.begin(), taken.end()};
  }

  std::vector<std::byte> unreadable(Place& place, uint64_t file_bytes) {
    const core::Octets bad = unreadable_block();
    place.offset -= place.offset % bad.size();
    std::vector<std::byte> octets;
    for (uint64_t blocks = 1 + random_.below(2); blocks > 0; --blocks) {
      if (place.offset + octets.size() >= file_bytes) break;
      octets.insert(octets.end(), bad.begin(), bad.end());
    }
    return octets;
  }

  core::Prng& random_;
  const FileContents& files_;
  const FileContents& older_;
};

template <class Visit>
void visit_segments(const FileContents& files, Visit&& visit) {
  for (const auto& [path, octets] : files) {
    const auto number = spool::parse_segment_file_name(path.substr(path.rfind('/') + 1));
    if (number) visit(*number, core::Octets(octets));
  }
}

}  // namespace

std::string sim_segment_path(uint64_t number) { return spool::segment_path(kSimSpool, 0, number); }

std::vector<SeenRecord> records_of(core::Octets octets, uint64_t number) {
  std::vector<SeenRecord> records;
  const spool::SegmentKey key(number, kSimSalt);
  for (uint64_t at = spool::kSegmentHeadBytes; at + core::kRecordHeaderBytes <= octets.size();) {
    const auto record = record_at(octets, at, key);
    if (record) records.push_back(*record);
    at += record ? core::align_up(record->bytes, core::kRecordAlignment) : core::kRecordAlignment;
  }
  return records;
}

bool has_first_record(core::Octets octets, uint64_t number) {
  const core::Octets rest = octets.subspan(std::min(octets.size(), spool::kSegmentHeadBytes));
  return spool::decode_record(rest, spool::SegmentKey(number, kSimSalt)).has_value();
}

std::vector<uint64_t> begun_segments(const FileContents& files) {
  std::vector<uint64_t> numbers;
  visit_segments(files, [&](uint64_t number, core::Octets octets) {
    if (!records_of(octets, number).empty()) numbers.push_back(number);
  });
  return numbers;
}

std::string Damage::text() const {
  return "segment " + std::to_string(number) + " at " + std::to_string(offset) + ": " +
         std::to_string(octets.size()) + " octets " + kind;
}

std::optional<Damage> choose_damage(core::Prng& random, const FileContents& files,
                                    const FileContents& older, const std::vector<uint64_t>& among) {
  if (among.empty()) return std::nullopt;
  const bool newest = random.below(1000) < 300;
  const uint64_t number = newest ? among.back() : among[random.below(among.size())];
  return Chooser(random, files, older).choose(number);
}

// --- books ---------------------------------------------------------------------------------------

void DamageBook::note(uint64_t number, core::Octets previous, core::Octets after) {
  // What went bad earlier counts, too: it may lose now what vouched for it.
  const auto known = damaged_.try_emplace(number, previous.begin(), previous.end());
  const std::vector<std::byte>& before = known.first->second;
  const std::vector<SeenRecord> records = records_of(before, number);
  std::vector<bool> intact;
  for (const SeenRecord& record : records) {
    intact.push_back(is_intact(record, before, after));
    if (record.type == spool::RecordType::end) ends_in_[record.mail_id] = number;
    if (!intact.back() && record.mail_id != 0) hit_[record.mail_id].insert(number);
  }
  unvouched_if_last_[number].merge(unvouched_of(records, intact));
  note_misnamed(number, after, records);
}

void DamageBook::note_misnamed(uint64_t number, core::Octets after,
                               const std::vector<SeenRecord>& records) {
  const auto head = spool::decode_segment_head(
      after.first(std::min<size_t>(after.size(), spool::kSegmentHeadBytes)));
  if (!head || head->generation == number || has_first_record(after, number)) return;
  for (const SeenRecord& record : records) misnamed_.insert(record.mail_id);
}

std::set<uint64_t> DamageBook::unvouched_of(const std::vector<SeenRecord>& records,
                                            const std::vector<bool>& intact) {
  uint64_t vouched = 0;
  for (size_t i = 0; i < records.size(); ++i) {
    if (intact[i]) vouched = std::max(vouched, records[i].vouched);
  }
  std::set<uint64_t> mails;
  bool behind = false;
  for (size_t i = 0; i < records.size(); ++i) {
    behind = behind || (!intact[i] && records[i].offset >= vouched);
    if (behind) mails.insert(records[i].mail_id);
  }
  return mails;
}

std::set<uint64_t> DamageBook::mails_hit_in(uint64_t number) const {
  std::set<uint64_t> mails;
  for (const auto& [mail_id, segments] : hit_) {
    if (segments.contains(number)) mails.insert(mail_id);
  }
  return mails;
}

bool DamageBook::ends_in(uint64_t mail_id, uint64_t number) const {
  const auto found = ends_in_.find(mail_id);
  return found != ends_in_.end() && found->second == number;
}

}  // namespace mailrace::tests
