// SPDX-License-Identifier: GPL-3.0-or-later
// Once warm, a worker allocates nothing: counted over 10,000 messages through the real ring, the
// real session and the real spool.
#include "net/listener.h"
#include "net/system_clock.h"
#include "net/worker_group.h"
#include "spool/segment.h"
#include "spool/writer.h"
#include "tests/support/smtp_client.h"
#include "tests/support/temporary_directory.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cstddef>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define MAILRACE_SANITIZED 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define MAILRACE_SANITIZED 1
#endif

namespace {

std::atomic<uint64_t> worker_allocations{0};
thread_local bool is_worker = false;

#ifndef MAILRACE_SANITIZED
void count() noexcept {
  if (is_worker) worker_allocations.fetch_add(1, std::memory_order_relaxed);
}
#endif

}  // namespace

#ifndef MAILRACE_SANITIZED
// Every way to the heap, C's as well as C++'s: operator new of libstdc++ calls malloc.
extern "C" {
// NOLINTBEGIN(bugprone-reserved-identifier, readability-identifier-naming): the C library's names
void* __libc_malloc(size_t size);
void* __libc_calloc(size_t count, size_t size);
void* __libc_realloc(void* memory, size_t size);
void* __libc_memalign(size_t alignment, size_t size);
// NOLINTEND(bugprone-reserved-identifier, readability-identifier-naming)

void* malloc(size_t size) {
  count();
  return __libc_malloc(size);
}
void* calloc(size_t elements, size_t size) {
  count();
  return __libc_calloc(elements, size);
}
void* realloc(void* memory, size_t size) {
  count();
  return __libc_realloc(memory, size);
}
void* aligned_alloc(size_t alignment, size_t size) {
  count();
  return __libc_memalign(alignment, size);
}
}
#endif

namespace mailrace {
namespace {

std::string mail_of(size_t bytes) {
  std::string data = "Subject: allocation\r\n\r\n";
  while (data.size() < bytes)
    data += "..a line that begins with a dot, then seventy-odd columns\r\n";
  return data;
}

// Four clients at a time, in sessions of 50 messages, from 1 KiB to 100 KiB.
uint64_t send_messages(const core::Endpoint& server, int per_client) {
  std::atomic<uint64_t> accepted{0};
  std::vector<std::thread> threads;
  const std::string small = mail_of(1 << 10);
  const std::string medium = mail_of(8 << 10);
  const std::string large = mail_of(100 << 10);
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int sent = 0; sent < per_client;) {
        tests::SmtpClient client(server);
        for (int n = 0; n < 50 && sent < per_client; ++n, ++sent) {
          const std::string& data = n % 25 == 24 ? large : n % 2 == 0 ? small : medium;
          if (client.send_mail(data)) accepted.fetch_add(1);
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  return accepted.load();
}

TEST(AllocationTest, AWarmWorkerAllocatesNothingOver10000Messages) {
#ifdef MAILRACE_SANITIZED
  GTEST_SKIP() << "a sanitizer has its own allocator, and allocates for itself";
#endif
  const tests::TemporaryDirectory directory;
  spool::SpoolOptions spool_options;
  spool_options.directory = directory.path() + "/" + spool::worker_directory_name(0);
  spool_options.sync = spool::SyncPolicy::never;
  ASSERT_TRUE(std::filesystem::create_directory(spool_options.directory));

  auto settings = std::make_shared<net::Settings>(
      net::Settings{.session = core::SessionConfig({.hostname = "mx.example.test"})});
  settings->domains.add("example.test");
  net::SystemClock clock;
  net::EventRing events;

  net::WorkerOptions options;
  auto listener = net::open_listener(*core::parse_endpoint("127.0.0.1:0"));
  ASSERT_TRUE(listener.has_value());
  const core::Endpoint server = *net::local_endpoint(*listener);
  options.listeners.push_back({std::move(*listener), {core::Durability::page_cache}});
  options.terms.settings = settings;
  options.events = &events;
  options.clock = &clock;
  options.make_sink = [&](core::FileIo& files, const core::MailSinkEvents& sink_events) {
    is_worker = true;  // called on the worker's thread
    return std::make_unique<spool::Writer>(files, spool_options, sink_events);
  };
  std::vector<net::WorkerOptions> all;
  all.push_back(std::move(options));
  net::WorkerGroup workers;
  ASSERT_TRUE(workers.start(std::move(all)).has_value());

  EXPECT_EQ(send_messages(server, 250), 1'000u);
  const uint64_t warm = worker_allocations.load();
  EXPECT_GT(warm, 0u) << "the counter does not count";
  EXPECT_EQ(send_messages(server, 2'500), 10'000u);
  EXPECT_EQ(worker_allocations.load() - warm, 0u);
  workers.drain();
  workers.join();
}

}  // namespace
}  // namespace mailrace
