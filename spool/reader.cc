// SPDX-License-Identifier: GPL-3.0-or-later
// A record counts if its header, its body and its place in the sequence check. What a sender wrote
// into his mail may look like records, so three rules guard the search behind a bad one:
//
// - Where the header is good and only the body is bad, the search begins behind the body: whatever
//   looks like a record inside is mail data.
// - A found record's sequence lies above the last one that was reached without a gap, and is not
//   higher than the number of records that fit before it. If the chain that begins there breaks,
//   the next search starts from the same lower bound, so a forged high number hides nothing.
// - The bodies checked in vain are bounded, so that headers made up for it cost no quadratic time.
//
// A running server may be writing the file. Before anything is taken for bad, it is read once more;
// before it is taken for damage, ReaderOptions::settle is asked for patience.
#include "spool/reader.h"

#include "core/base/check.h"

#include <algorithm>
#include <utility>

namespace mailrace::spool {
namespace {

constexpr size_t kReadBlockBytes = 4096;  // what is given up where the disk fails
constexpr size_t kHeadUsedBytes = 72;
constexpr size_t kHeadUsedBytesVersion1 = 64;
constexpr size_t kTypeAt = 24;
constexpr size_t kBodyBytesAt = 28;
constexpr const char* kBadPadding = "record.padding";

bool all_zeros(core::Octets octets) noexcept {
  return std::ranges::all_of(octets, [](std::byte b) { return b == std::byte{0}; });
}

// Cheap and without false negatives: most octets that are no header fail here.
bool may_be_header(const std::byte* at) noexcept {
  const auto type = core::load_le<uint16_t>(at + kTypeAt);
  return type >= uint16_t(RecordType::envelope) && type <= uint16_t(RecordType::index) &&
         core::load_le<uint32_t>(at + kBodyBytesAt) <= core::kRecordBodyBytesMax;
}

uint64_t body_end(const Record& record) noexcept {
  return record.offset + core::kRecordHeaderBytes + record.header.body_bytes;
}

}  // namespace

SegmentReader::SegmentReader(core::Disk& disk, core::FileHandle file, ReaderOptions options)
    : disk_(disk),
      file_(file),
      options_(std::move(options)),
      key_(options_.generation, options_.salt) {
  outcome_.salt = options_.salt;
}

// --- octets --------------------------------------------------------------------------------------

// All that the buffer holds from `offset` on: at least `bytes` octets unless the file ends before.
core::Octets SegmentReader::window(uint64_t offset, size_t bytes) {
  const bool inside = offset >= buffer_offset_ && offset + bytes <= buffer_offset_ + buffer_bytes_;
  if (!inside) fill(offset, bytes);
  return core::Octets(buffer_.get(), buffer_bytes_).subspan(size_t(offset - buffer_offset_));
}

void SegmentReader::fill(uint64_t offset, size_t bytes) {
  const size_t wanted = std::max(bytes, read_ahead_bytes_);
  read_ahead_bytes_ = std::min(2 * read_ahead_bytes_, core::kReaderBufferBytes);
  if (buffer_capacity_ < wanted) {
    buffer_ = std::make_unique_for_overwrite<std::byte[]>(wanted);
    buffer_capacity_ = wanted;
  }
  buffer_offset_ = offset;
  const core::MutableOctets target(buffer_.get(), wanted);
  const auto read = disk_.read(file_, offset, target);
  buffer_bytes_ = read ? *read : fill_by_block(offset, target);
  MAILRACE_CHECK(buffer_bytes_ <= wanted);
}

// One bad block must not hide the good ones around it: it stands as zeros, which never check.
size_t SegmentReader::fill_by_block(uint64_t offset, core::MutableOctets target) {
  const uint64_t file_bytes = disk_.size(file_).value_or(0);
  size_t filled = 0;
  while (filled < target.size() && offset + filled < file_bytes) {
    const uint64_t at = offset + filled;
    const size_t piece = std::min({size_t(kReadBlockBytes - at % kReadBlockBytes),
                                   target.size() - filled, size_t(file_bytes - at)});
    const auto read = disk_.read(file_, at, target.subspan(filled, piece));
    if (!read) {
      std::ranges::fill(target.subspan(filled, piece), std::byte{0});
      note_unreadable(at, at + piece);
    }
    filled += read ? *read : piece;
    if (read && *read < piece) break;
  }
  if (file_bytes == 0) note_unreadable(offset, UINT64_MAX);
  return filled;
}

// One report for neighbouring blocks, however often they are read.
void SegmentReader::note_unreadable(uint64_t from, uint64_t to) {
  const bool known = unreadable_end_ != 0 && from <= unreadable_end_;
  unreadable_end_ = std::max(unreadable_end_, to);
  if (!known) add_damage({.offset = from, .what = "segment.read"});
}

void SegmentReader::add_damage(const Damage& damage) {
  ++outcome_.damages;
  damages_.push_back(damage);
}

// --- head ----------------------------------------------------------------------------------------

// The records can be read without the head: the generation is in the file's name as well.
void SegmentReader::read_head() {
  const core::Octets octets = window(0, kSegmentHeadBytes);
  const core::Octets head_octets = octets.first(std::min(octets.size(), kSegmentHeadBytes));
  const auto head = decode_segment_head(head_octets);
  head_read_ = true;
  if (!head) {
    head_blank_ = head.error().code == core::Errc::torn_tail;
    if (head_blank_) return;
    add_damage({.offset = 0, .what = head.error().where});
    // A later version may order its records in any way.
    over_ = head.error().code == core::Errc::unsupported;
    if (over_) outcome_.end = SegmentEnd::damaged_tail;
    return;
  }
  outcome_.created_at_ns = head->created_at_ns;
  outcome_.capacity = head->capacity;
  outcome_.valid_bytes = std::min<uint64_t>(octets.size(), kSegmentHeadBytes);
  const SegmentKey named(key_.generation(), head->salt);
  key_ = SegmentKey(head->generation, head->salt);
  if (head->generation != named.generation()) {
    add_damage({.offset = 16, .what = "segment.generation"});
  }
  outcome_.salt = head->salt;
  outcome_.mail_id_max = head->mail_id_floor;
  const size_t used = head->salt == 0 ? kHeadUsedBytesVersion1 : kHeadUsedBytes;
  const auto spot = std::ranges::find_if(head_octets.subspan(used),
                                         [](std::byte b) { return b != std::byte{0}; });
  const auto zeros = size_t(spot - head_octets.subspan(used).begin());
  if (used + zeros < head_octets.size()) {
    add_damage({.offset = used + zeros, .what = "segment.head_padding"});
  }
  if (head->generation != named.generation()) key_ = choose_key(named, key_);
}

// Somebody has renamed the file, or the head belongs to another one: the first records tell.
SegmentKey SegmentReader::choose_key(const SegmentKey& named, const SegmentKey& headed) {
  core::Octets octets = window(kSegmentHeadBytes, core::kRecordHeaderBytes);
  for (; octets.size() >= core::kRecordHeaderBytes;
       octets = octets.subspan(core::kRecordAlignment)) {
    if (!may_be_header(octets.data())) continue;
    if (decode_record(octets, named)) return named;
    if (decode_record(octets, headed)) return headed;
  }
  return headed;
}

// --- records -------------------------------------------------------------------------------------

SegmentReader::Step SegmentReader::next() {
  if (!head_read_) read_head();
  bool fresh = false;  // what does not check was read from the disk just now
  for (;;) {
    if (!damages_.empty()) {
      damage_ = damages_.front();
      damages_.pop_front();
      return Step::damage;
    }
    if (over_) return Step::end;
    const Checked checked = check_at(offset_);
    if (expected(checked)) return accept(checked.record);
    if (std::exchange(fresh, true)) {
      bool again = false;
      const Step step = skip(checked, again);
      if (!again) return step;
    }
    buffer_bytes_ = 0;
  }
}

bool SegmentReader::at_record() {
  if (!head_read_) read_head();
  if (!damages_.empty()) return true;
  if (over_) return false;
  const auto checks = [this] { return check_at(offset_).bad == nullptr; };
  if (checks()) return true;
  // Little, for what a server is about to write past the page cache should not be in it.
  buffer_bytes_ = 0;
  read_ahead_bytes_ = kReadBlockBytes;
  return checks();
}

SegmentReader::Checked SegmentReader::check_at(uint64_t offset) {
  Checked checked;
  const core::Octets front = window(offset, core::kRecordHeaderBytes);
  const auto header = decode_record(front, key_);
  if (!header) {
    checked.bad = header.error().where;
    checked.blank = all_zeros(front.first(std::min(front.size(), core::kRecordHeaderBytes)));
    return checked;
  }
  checked.header_good = true;
  checked.record.header = *header;
  checked.record.offset = offset;
  const size_t bytes = core::kRecordHeaderBytes + header->body_bytes;
  const core::Octets octets = window(offset, size_t(record_bytes(header->body_bytes)));
  if (octets.size() < bytes) {
    checked.bad = "record.body_bytes";  // more than the file has
    return checked;
  }
  checked.record.body = octets.first(bytes).subspan(core::kRecordHeaderBytes);
  if (!body_matches(*header, checked.record.body)) checked.bad = "record.body_crc";
  // What an earlier generation left may happen to be the last octets of the body.
  if (checked.bad == nullptr && options_.unfinished && !has_padding(checked.record)) {
    checked.bad = kBadPadding;
  }
  return checked;
}

bool SegmentReader::expected(const Checked& checked) const noexcept {
  return checked.bad == nullptr && checked.record.header.sequence == sequence_;
}

// Whether a record found behind lost ones may be where it is.
bool SegmentReader::in_range(const Record& record) const noexcept {
  const uint64_t fit = (record.offset - kSegmentHeadBytes) / core::kRecordHeaderBytes;
  return record.header.sequence > anchor_.value_or(sequence_) && record.header.sequence <= fit;
}

SegmentReader::Step SegmentReader::accept(const Record& record) {
  record_ = record;
  if (std::exchange(head_blank_, false)) add_damage({.offset = 0, .what = "segment.head"});
  if (!has_padding(record)) add_damage({.offset = body_end(record), .what = kBadPadding});
  check_seal(record);
  offset_ = record.offset + record_bytes(record.header.body_bytes);
  sequence_ = record.header.sequence + 1;
  outcome_.valid_bytes = offset_;
  ++outcome_.records;
  if (record.header.type == RecordType::end) ++outcome_.mails;
  if (record.header.type == RecordType::mark) marked_ = true;
  outcome_.mail_id_max = std::max(outcome_.mail_id_max, record.header.mail_id);
  return Step::record;
}

// No checksum covers the padding, but no writer of ours leaves anything in it.
bool SegmentReader::has_padding(const Record& record) {
  const uint64_t end = record.offset + record_bytes(record.header.body_bytes);
  const core::Octets octets = window(body_end(record), 0);
  return all_zeros(octets.first(std::min(octets.size(), size_t(end - body_end(record)))));
}

void SegmentReader::check_seal(const Record& record) {
  if (record.header.type != RecordType::seal) {
    return check_.add(record.header, record.offset, record.body);
  }
  const auto seal = decode_seal(record.body);
  const char* problem = nullptr;
  if (!seal || seal->records != record.header.sequence) {
    problem = "record.seal";
  } else if (!anchor_) {
    problem = check_.problem_with(*seal);
  }
  if (problem != nullptr) add_damage({.offset = record.offset, .what = problem});
  outcome_.end = SegmentEnd::sealed;
  over_ = true;
}

// --- past a bad record ---------------------------------------------------------------------------

// Nothing but zeros and an earlier generation's record can stand at the start of a segment that was
// only made ahead. Anything else is damage, of a segment whose server could not cut the one before.
// So are records a little further on: then the seal of the one before was lost, and this start.
bool SegmentReader::is_unwritten(const Checked& checked) {
  if (!options_.unwritten || outcome_.records > 0) return false;
  if (!checked.blank && !stale_at(offset_)) return false;
  const Found found = search(offset_ + core::kRecordAlignment, offset_ + core::kReaderBufferBytes);
  return !found.record && unreadable_end_ == 0;
}

// Goes on behind what is bad at offset_, or ends there. again: read it once more instead.
SegmentReader::Step SegmentReader::skip(const Checked& checked, bool& again) {
  Found found;
  if (checked.bad == nullptr && in_range(checked.record)) {
    found.record = checked.record;
  } else if (!is_unwritten(checked)) {
    const bool skip_body = checked.header_good &&
                           (checked.bad == nullptr || checked.record.header.sequence == sequence_);
    found = search(offset_ + (skip_body ? record_bytes(checked.record.header.body_bytes)
                                        : core::kRecordAlignment));
  }
  if (!found.record) return finish(checked, found);
  if (options_.settle && options_.settle()) {
    again = true;
    return Step::end;
  }
  if (options_.unfinished && is_unacknowledged_hole(*found.record)) {
    outcome_.end = SegmentEnd::torn_tail;
    return Step::end;
  }
  // All but the padding is there, and it had landed: the marks say so.
  if (checked.bad == kBadPadding && checked.record.header.sequence == sequence_) {
    return accept(check_at(offset_).record);
  }
  // A write that the disk reported done and never did: what it should have replaced is still there.
  const bool lost_write = !checked.header_good && (found.stale || stale_at(offset_));
  ++outcome_.damages;
  damage_ = {.offset = offset_,
             .what = lost_write               ? "record.generation"
                     : checked.bad != nullptr ? checked.bad
                                              : "record.sequence",
             .resumed_at = found.record->offset,
             .records_lost = true};
  if (!anchor_) anchor_ = sequence_;
  offset_ = found.record->offset;
  sequence_ = found.record->header.sequence;
  return Step::damage;
}

// Writes land in any order, so a crash may leave whole records behind a hole. Each write ends with
// a mark that says up to where everything had landed before it began: nothing behind a hole was
// reported durable unless a mark there lies beyond the hole. A seal says the same, and a crash may
// have left it without the mark of its write.
bool SegmentReader::is_unacknowledged_hole(const Record& behind) {
  bool has_mark = marked_;
  uint64_t at = behind.offset;
  for (;;) {
    const Checked checked = check_at(at);
    if (checked.bad != nullptr || !in_range(checked.record)) {
      const Found found = search(at + core::kRecordAlignment);
      if (found.gave_up) return false;
      if (!found.record) return has_mark;
      at = found.record->offset;
      continue;
    }
    // Nothing of it is read here, but it may stay in the file: its ids are not to be used again.
    outcome_.mail_id_max = std::max(outcome_.mail_id_max, checked.record.header.mail_id);
    if (checked.record.header.type == RecordType::mark) {
      const auto mark = decode_mark(checked.record.body);
      if (!mark || mark->durable_bytes > offset_) return false;
      has_mark = true;
    }
    if (checked.record.header.type == RecordType::seal) {
      const auto seal = decode_seal(checked.record.body);
      if (seal && seal->began_at > offset_) return false;
    }
    at += record_bytes(checked.record.header.body_bytes);
  }
}

SegmentReader::Found SegmentReader::search(uint64_t from, uint64_t to) {
  Found found;
  uint64_t zeros = 0;
  for (uint64_t at = core::align_up(from, core::kRecordAlignment);;) {
    const core::Octets octets = window(at, core::kRecordHeaderBytes);
    if (at >= to) return found;
    if (octets.size() < core::kRecordHeaderBytes) {
      found.zeros_only = found.zeros_only && all_zeros(octets);
      return found;
    }
    size_t i = 0;
    bool candidate = false;
    for (; i + core::kRecordHeaderBytes <= octets.size(); i += core::kRecordAlignment) {
      const bool zero = core::load_le<uint64_t>(octets.data() + i) == 0;
      zeros = zero ? zeros + core::kRecordAlignment : 0;
      found.zeros_only = found.zeros_only && zero;
      candidate = may_be_header(octets.data() + i);
      if (candidate) break;
    }
    at += i;
    if (zeros > options_.search_zeros_max) return found;
    if (!candidate) continue;
    const Checked checked = check_at(at);
    if (checked.bad == nullptr && in_range(checked.record)) {
      found.record = checked.record;
      return found;
    }
    found.misplaced = found.misplaced || checked.bad == nullptr;
    if (!found.stale) found.stale = stale_at(at);
    if (checked.header_good) searched_body_bytes_ += checked.record.header.body_bytes;
    found.gave_up = searched_body_bytes_ > core::kReaderSearchBodyBytesMax;
    if (found.gave_up) return found;
    at += core::kRecordAlignment;
  }
}

std::optional<uint64_t> SegmentReader::stale_at(uint64_t offset) {
  return stale_generation(window(offset, core::kRecordHeaderBytes), key_);
}

SegmentReader::Step SegmentReader::finish(const Checked& checked, const Found& found) {
  const bool misplaced = found.misplaced || checked.bad == nullptr;
  const bool blank = checked.blank && found.zeros_only;
  // A segment is given its head when all of it is zeros, or an earlier one's head is there.
  const bool wiped = !blank && std::exchange(head_blank_, false);
  if (wiped) add_damage({.offset = 0, .what = "segment.head"});
  if (unreadable_end_ > offset_ || found.gave_up || misplaced || wiped) {
    outcome_.end = SegmentEnd::damaged_tail;
    over_ = true;
    if (!std::exchange(tail_reported_, true)) {
      ++outcome_.damages;
      damage_ = {.offset = offset_,
                 .what = checked.bad != nullptr ? checked.bad : "record.sequence",
                 .records_lost = true};
      return Step::damage;
    }
    return Step::end;
  }
  // What an earlier tenant left may begin anywhere in one of his records. A header of ours without
  // its body is a write that did not come to its end.
  std::optional<uint64_t> stale;
  if (!checked.header_good && !blank) stale = stale_at(offset_);
  if (!checked.header_good && !stale) stale = found.stale;
  outcome_.tail_generation = stale.value_or(0);
  outcome_.end = blank   ? SegmentEnd::open_tail
                 : stale ? SegmentEnd::stale_tail
                         : SegmentEnd::torn_tail;
  return Step::end;
}

}  // namespace mailrace::spool
