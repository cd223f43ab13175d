// SPDX-License-Identifier: GPL-3.0-or-later
// Entries lie whole in the ring: one that does not fit before the end goes to the start.
#include "net/event_ring.h"

#include "core/base/bytes.h"

#include <new>

namespace mailrace::net {
namespace {

std::byte* put(std::byte* target, std::string_view text) noexcept {
  if (!text.empty()) std::memcpy(target, text.data(), text.size());
  return target + text.size();
}

}  // namespace

EventRing::EventRing() : memory_(new std::byte[kBytes]) {}

void EventRing::push(const Event& event) noexcept {
  const size_t texts = event.helo.size() + event.reverse_path.size() + event.text.size() +
                       event.tls.server_name.size() + event.tls.client.size();
  const auto bytes = size_t(core::align_up(sizeof(Entry) + texts, 8));
  const uint64_t written = written_.load(std::memory_order_relaxed);
  const uint64_t room = kBytes - (written - read_.load(std::memory_order_acquire));
  const size_t at = written % kBytes;
  const size_t skipped = at + bytes > kBytes ? kBytes - at : 0;
  // The producer is the only writer, so a load and a store count without a locked instruction.
  if (bytes + skipped > room) {
    dropped_.store(dropped_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    return;
  }
  if (skipped > 0) core::store_le(memory_.get() + at, kWrap);
  std::byte* const target = memory_.get() + (at + skipped) % kBytes;
  auto* const entry = new (target) Entry{uint32_t(bytes),
                                         uint16_t(event.helo.size()),
                                         uint16_t(event.reverse_path.size()),
                                         uint16_t(event.text.size()),
                                         uint16_t(event.tls.server_name.size()),
                                         uint16_t(event.tls.client.size()),
                                         event};
  std::byte* texts_at = reinterpret_cast<std::byte*>(entry + 1);
  texts_at = put(texts_at, event.helo);
  texts_at = put(texts_at, event.reverse_path);
  texts_at = put(texts_at, event.text);
  texts_at = put(texts_at, event.tls.server_name);
  put(texts_at, event.tls.client);
  written_.store(written + skipped + bytes, std::memory_order_release);
}

uint64_t EventRing::read(uint64_t at, Event& event) noexcept {
  size_t offset = at % kBytes;
  if (core::load_le<uint32_t>(memory_.get() + offset) == kWrap) {
    at += kBytes - offset;
    offset = 0;
  }
  const auto* const entry = reinterpret_cast<const Entry*>(memory_.get() + offset);
  event = entry->event;
  const char* texts = reinterpret_cast<const char*>(entry + 1);
  event.helo = {texts, entry->helo_bytes};
  texts += entry->helo_bytes;
  event.reverse_path = {texts, entry->reverse_path_bytes};
  texts += entry->reverse_path_bytes;
  event.text = {texts, entry->text_bytes};
  texts += entry->text_bytes;
  event.tls.server_name = {texts, entry->server_name_bytes};
  texts += entry->server_name_bytes;
  event.tls.client = {texts, entry->client_bytes};
  return at + entry->bytes;
}

}  // namespace mailrace::net
