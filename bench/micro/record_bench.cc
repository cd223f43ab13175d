// SPDX-License-Identifier: GPL-3.0-or-later
// What a mail costs in the writer, without a disk: copy, checksums, records, group commit.
#include "bench/micro/mail_data.h"
#include "core/base/block_pool.h"
#include "core/smtp/recipient_list.h"
#include "spool/writer.h"

#include <benchmark/benchmark.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <utility>

namespace mailrace::bench {
namespace {

/// A disk that takes everything, keeps nothing, and is done as soon as the caller has returned.
class NullFile final : public core::FileIo {
 public:
  size_t block_bytes() const noexcept override { return core::kBlockBytes; }
  bool is_cached() const noexcept override { return false; }
  bool is_idle() const noexcept override { return false; }

  void create(core::FileOp& op, const char*) override { start(op, 0); }
  void open(core::FileOp& op, const char*) override { start(op, 0); }
  void rename(core::FileOp& op, const char*, const char*) override { start(op, 0); }
  void allocate(core::FileOp& op, core::FileHandle, uint64_t) override { start(op, 0); }
  std::byte* take_buffer() noexcept override { return buffers_.take(); }
  void give_buffer(std::byte* buffer) noexcept override { buffers_.give(buffer); }
  void write(core::FileOp& op, core::FileHandle, std::span<const iovec> pieces, uint64_t,
             bool) override {
    size_t bytes = 0;
    for (const iovec& piece : pieces) bytes += piece.iov_len;
    octets_ += bytes;
    start(op, int(bytes));
  }
  void sync(core::FileOp& op, core::FileHandle) override { start(op, 0); }
  void sync_data(core::FileOp& op, core::FileHandle) override { start(op, 0); }
  void sync_directory(core::FileOp& op, const char*) override { start(op, 0); }
  int check_name(core::FileHandle, const char*) const noexcept override { return 0; }
  void truncate(core::FileOp& op, core::FileHandle, uint64_t) override { start(op, 0); }
  void drop_cached(core::FileOp& op, core::FileHandle, uint64_t, uint64_t, bool) override {
    start(op, 0);
  }
  void close(core::FileHandle) override {}

  /// Ends what was started; what that starts is for the next call.
  bool run() {
    const auto ended = started_;
    const size_t count = std::exchange(count_, 0);
    for (size_t i = 0; i < count; ++i) ended[i].op->done(*ended[i].op, ended[i].result);
    return count > 0;
  }
  uint64_t octets() const { return octets_; }

 private:
  struct Started {
    core::FileOp* op = nullptr;
    int result = 0;
  };
  void start(core::FileOp& op, int result) { started_[count_++] = {&op, result}; }

  core::BlockPool buffers_{core::kWriteBytesMax, core::kWritesInFlightMax};
  std::array<Started, 32> started_;
  size_t count_ = 0;
  uint64_t octets_ = 0;
};

/// Mails of range(0) octets, range(1) of them in each group commit; octets come 16 KiB at a time.
void bench_record_append(benchmark::State& state) {
  const auto data = make_mail_data(/*bytes=*/size_t(state.range(0)), /*seed=*/42);
  NullFile files;
  int64_t durable = 0;
  core::MailSinkEvents events;
  events.context = &durable;
  events.committed = [](void* context, core::MailOwner, core::MailOutcome outcome) {
    if (outcome == core::MailOutcome::durable) ++*static_cast<int64_t*>(context);
  };
  spool::Writer writer(files, {.directory = "worker-0000"}, events);
  core::BlockPool blocks(4096, 4);
  core::RecipientList recipients(blocks, blocks.block_count());
  recipients.append({.forward_path = "recipient@example.com"});
  core::Envelope envelope;
  envelope.helo = "client.example.org";
  envelope.protocol = "ESMTP";
  envelope.reverse_path = "sender@example.org";
  envelope.recipients = &recipients;
  core::Instant now{1};
  const auto tick = [&] {
    now.ns += 1'000;
    do {
      writer.flush(now, {now.ns});
    } while (files.run());
  };
  tick();

  int64_t committed = 0;
  for ([[maybe_unused]] auto _ : state) {
    for (int64_t i = 0; i < state.range(1); ++i) {
      const auto mail = writer.begin(envelope, {});
      bool whole = mail.has_value();
      for (size_t at = 0; whole && at < data.size(); at += 16 << 10) {
        const auto piece =
            core::Octets(data).subspan(at, std::min<size_t>(16 << 10, data.size() - at));
        whole = writer.append(*mail, piece).value_or(0) == piece.size();
      }
      if (!whole) return state.SkipWithError("the writer did not take the mail");
      writer.commit(*mail);
      ++committed;
    }
    tick();
  }
  const bool all = durable == committed && files.octets() > uint64_t(committed) * data.size();
  if (!all) return state.SkipWithError("not all mails are durable");
  state.SetItemsProcessed(committed);
  state.SetBytesProcessed(committed * state.range(0));
}

BENCHMARK(bench_record_append)
    ->Name("record_append")
    ->ArgNames({"octets", "group"})
    ->Args({4 << 10, 1})
    ->Args({4 << 10, 32})
    ->Args({100 << 10, 1})
    ->Args({100 << 10, 32});

}  // namespace
}  // namespace mailrace::bench
