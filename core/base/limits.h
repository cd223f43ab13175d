// SPDX-License-Identifier: GPL-3.0-or-later
// Every bound of the program, with its source and the assertions that relate them.
#pragma once

#include <cstddef>
#include <cstdint>

namespace mailrace::core {

// --- SMTP: RFC 5321 section 4.5.3.1 gives minima, extensions add to them --------------------------

inline constexpr size_t kLocalPartBytesMax = 64;  // 4.5.3.1.1
inline constexpr size_t kDomainBytesMax = 255;    // 4.5.3.1.2
inline constexpr size_t kPathBytesMax = 256;      // 4.5.3.1.3, with the angle brackets
inline constexpr size_t kHeloBytesMax = kDomainBytesMax;

/// 4.5.3.1.4 asks for 512; SIZE, BODY, SMTPUTF8, ENVID and ORCPT add up to 700 more. A longer line
/// gets one 500, whatever its length.
inline constexpr size_t kCommandLineBytesMax = 4096;
static_assert(kCommandLineBytesMax >= 512 + 26 + 17 + 10 + 110 + 510);

/// 4.5.3.1.5: a reply line with its CRLF.
inline constexpr size_t kReplyLineBytesMax = 512;
/// All lines of one reply; EHLO's is the longest.
inline constexpr size_t kReplyBytesMax = 1024;
/// Replies of one connection that the peer has not taken yet. Input waits while it is full.
inline constexpr size_t kReplyBufferBytes = 4096;
static_assert(kReplyBufferBytes >= 2 * kReplyBytesMax);

inline constexpr uint32_t kRecipientsMax = 1000;  // 4.5.3.1.8 asks for 100
static_assert(kRecipientsMax >= 100);

inline constexpr uint64_t kMessageBytesDefault = 64ull << 20;  // --max-message-size
inline constexpr uint64_t kMessageBytesFloor = 64ull << 10;    // 4.5.3.1.7
inline constexpr uint64_t kMessageBytesCeiling = 1ull << 40;

/// Mail parameters behind one MAIL or RCPT.
inline constexpr uint32_t kParametersMax = 16;

// --- sessions on a worker -------------------------------------------------------------------------

/// Sessions served at a time; past it a connection hears 421 4.3.2 and is closed.
inline constexpr uint32_t kSessionsPerWorkerMax = 16384;
/// Connections over the limit that are being told so.
inline constexpr uint32_t kRefusalsPerWorkerMax = 64;
inline constexpr uint32_t kConnectionsPerWorkerMax = kSessionsPerWorkerMax + kRefusalsPerWorkerMax;

/// One size of block serves partial command lines, reply buffers and transactions.
inline constexpr size_t kSessionBlockBytes = 4096;
static_assert(kSessionBlockBytes >= kCommandLineBytesMax);
static_assert(kSessionBlockBytes >= kReplyBufferBytes);
/// A line, a reply buffer and a first transaction block for everybody ...
inline constexpr size_t kSessionBlocksReserved = 3 * size_t{kConnectionsPerWorkerMax};
/// ... and more transaction blocks for those with many recipients; when they are out, 452 4.3.1.
inline constexpr size_t kTransactionBlocksShared = 4096;

/// Octets that a connection may have in its stash: read, but not yet wanted because the peer does
/// not take our replies. Past it the connection is dropped.
inline constexpr size_t kStashBytesMax = 256 << 10;
inline constexpr size_t kStashBytesPerWorkerMax = 64 << 20;

inline constexpr int64_t kCommandTimeoutS = 300;     // 4.5.3.2.7
inline constexpr int64_t kDataBlockTimeoutS = 180;   // 4.5.3.2.5
inline constexpr int64_t kLingerTimeoutS = 5;        // after our last reply, for the peer's end
inline constexpr int64_t kDrainTimeoutDefaultS = 30;

inline constexpr uint32_t kErrorsPerSessionMax = 20;  // then 421 4.7.0 (7.8 permits it)

inline constexpr uint32_t kWorkersMax = 1024;
inline constexpr uint32_t kListenersMax = 16;
inline constexpr uint32_t kDomainsMax = 1u << 20;

// --- the ring -------------------------------------------------------------------------------------

/// Provided receive buffers of a worker: few and hot, see net/ENGINE.md.
inline constexpr size_t kReceiveBufferBytes = 64 << 10;
inline constexpr uint32_t kReceiveBufferCount = 32;
static_assert((kReceiveBufferCount & (kReceiveBufferCount - 1)) == 0);
static_assert(kStashBytesMax >= kReceiveBufferBytes);

inline constexpr uint32_t kSubmissionEntries = 1024;
inline constexpr uint32_t kCompletionEntries = 32768;
static_assert(kCompletionEntries >= 2 * kSessionsPerWorkerMax);

// --- spool ----------------------------------------------------------------------------------------

/// Mail data is gathered in chunks; a full chunk is a record or more. Larger ones cost memory per
/// open mail, smaller ones headers: 32 octets in 16 KiB are 0.2 %.
inline constexpr size_t kChunkBytes = 16 << 10;
inline constexpr size_t kChunksPerWorker = 4096;
/// A mail in progress holds at most one chunk that is not on its way to the disk, so with a quarter
/// of the chunks left over there is always one to go on with.
inline constexpr size_t kOpenMailsMax = kChunksPerWorker * 3 / 4;

inline constexpr size_t kRecordHeaderBytes = 32;
inline constexpr size_t kRecordAlignment = 8;
inline constexpr uint32_t kRecordBodyBytesMax = 1u << 20;  // what a reader accepts
static_assert(kChunkBytes <= kRecordBodyBytesMax);

inline constexpr uint64_t kSegmentBytesDefault = 256ull << 20;  // --segment-size
inline constexpr uint64_t kSegmentBytesFloor = 1ull << 20;
inline constexpr uint64_t kSegmentBytesCeiling = 64ull << 30;
static_assert(kSegmentBytesFloor >= 16 * kChunkBytes);

/// One gathered write: chunks, and octets.
inline constexpr size_t kWriteChunksMax = 512;
static_assert(kWriteChunksMax <= 1024);  // IOV_MAX
/// Mail data that no commit waits for is written in blocks of this size.
inline constexpr size_t kWriteAheadBytes = 256 << 10;
static_assert(kWriteAheadBytes / kChunkBytes < kChunksPerWorker / 4);
inline constexpr size_t kWritesInFlightMax = 4;

/// Mails that a reader may have open at once while it puts records together.
inline constexpr size_t kReaderOpenMailsMax = kOpenMailsMax;

}  // namespace mailrace::core
