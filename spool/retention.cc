// SPDX-License-Identifier: GPL-3.0-or-later
// When in doubt, a segment stays.
#include "spool/retention.h"

#include <algorithm>

namespace mailrace::spool {
namespace {

std::vector<MailMark> held_mails(const Operations& marks) {
  std::vector<MailMark> held;
  for (const auto& [id, mark] : marks.marks()) {
    if (mark.held && !mark.deleted) held.push_back(mark);
  }
  return held;
}

bool is_in(const MailMark& mail, const RetainedSegment& segment) {
  return mail.worker == segment.worker && mail.first_segment <= segment.number &&
         segment.number <= mail.last_segment;
}

// Whether the consumer has acknowledged every mail that has records in the segment.
bool has_passed(const Cursor& consumer, const RetainedSegment& segment) {
  if (consumer.worker(segment.worker).position.segment <= *segment.ends_by) return false;
  for (auto at = consumer.pending().lower_bound({segment.worker, {segment.number, 0}});
       at != consumer.pending().end() && at->second.worker == segment.worker; ++at) {
    if (at->second.first_segment <= segment.number) return false;
  }
  return true;
}

// The mails that begin in segments[index] may end in later ones: these count, too.
core::WallTime newest_end(std::span<const RetainedSegment> segments, size_t index) {
  const RetainedSegment& segment = segments[index];
  core::WallTime newest = segment.newest;
  for (const RetainedSegment& later : segments.subspan(index)) {
    if (later.worker != segment.worker || later.number > *segment.ends_by) break;
    newest = std::max(newest, later.newest);
  }
  return newest;
}

bool is_past(core::WallTime time, core::Duration age, core::WallTime now) {
  return time < now && now.ns - time.ns > age.ns;
}

}  // namespace

void SegmentWatch::note_finished(uint64_t number, uint64_t last_begun) {
  segments_.try_emplace(number, Watched{last_begun, std::nullopt});
}

void SegmentWatch::note_open_mails(uint64_t oldest_open, uint64_t highest_segment) {
  for (auto& [number, watched] : segments_) {
    const bool ended = watched.last_begun < oldest_open;
    if (ended && !watched.ends_by) watched.ends_by = highest_segment;
  }
}

std::optional<uint64_t> SegmentWatch::ends_by(uint64_t number) const {
  const auto found = segments_.find(number);
  return found == segments_.end() ? std::nullopt : found->second.ends_by;
}

void SegmentWatch::keep_only(std::span<const uint64_t> numbers) {
  std::erase_if(segments_, [&](const auto& entry) {
    return !std::ranges::binary_search(numbers, entry.first);
  });
}

std::vector<size_t> recyclable_segments(std::span<const RetainedSegment> segments,
                                        std::span<const Cursor> consumers, const Operations& marks,
                                        const RetentionRules& rules, core::WallTime now) {
  std::vector<size_t> recyclable;
  std::vector<size_t> others;  // that could go, if there were too many octets
  uint64_t kept_bytes = 0;
  const std::vector<MailMark> held = held_mails(marks);
  for (size_t i = 0; i < segments.size(); ++i) {
    const RetainedSegment& segment = segments[i];
    const bool free =
        segment.finished && segment.ends_by &&
        std::ranges::none_of(held, [&](const MailMark& mail) { return is_in(mail, segment); });
    const bool passed =
        !consumers.empty() && std::ranges::all_of(consumers, [&](const Cursor& consumer) {
          return free && has_passed(consumer, segment);
        });
    const bool old = consumers.empty() && free && rules.retain_for &&
                     is_past(newest_end(segments, i), *rules.retain_for, now);
    if (passed || old) {
      recyclable.push_back(i);
      continue;
    }
    kept_bytes += segment.bytes;
    if (free) others.push_back(i);
  }
  if (!consumers.empty() || !rules.retain_bytes) return recyclable;
  std::ranges::sort(others, {}, [&](size_t i) { return segments[i].newest; });
  for (const size_t i : others) {
    if (kept_bytes <= *rules.retain_bytes) break;
    kept_bytes -= segments[i].bytes;
    recyclable.push_back(i);
  }
  std::ranges::sort(recyclable);
  return recyclable;
}

}  // namespace mailrace::spool
