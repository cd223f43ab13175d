// SPDX-License-Identifier: GPL-3.0-or-later
// Every bound of the program, with its source and the assertions that relate them.
#pragma once

#include <cstddef>
#include <cstdint>

namespace mailrace::core {

// --- SMTP: RFC 5321 section 4.5.3.1 gives minima, extensions add to them -------------------------

inline constexpr size_t kLocalPartBytesMax = 64;  // 4.5.3.1.1
inline constexpr size_t kDomainBytesMax = 255;    // 4.5.3.1.2
inline constexpr size_t kLabelBytesMax = 63;      // of a domain; RFC 1035 section 2.3.4
inline constexpr size_t kPathBytesMax = 256;      // 4.5.3.1.3, with the angle brackets
inline constexpr size_t kHeloBytesMax = kDomainBytesMax;

/// Values of DSN parameters, RFC 3461 section 4.4 and section 4.2: what ENVID stands for, and its
/// longest xtext; ORCPT as written.
inline constexpr size_t kEnvelopeIdBytesMax = 100;
inline constexpr size_t kEnvelopeIdXtextBytesMax = 3 * kEnvelopeIdBytesMax;
inline constexpr size_t kOriginalRecipientBytesMax = 500;

/// 4.5.3.1.4 asks for 512; parameters add to it: SIZE, BODY, SMTPUTF8, RET, ENVID, REQUIRETLS and
/// MT-PRIORITY to MAIL, NOTIFY and ORCPT to RCPT. A longer line gets one 500, whatever its length.
inline constexpr size_t kCommandLineBytesMax = 4096;
static_assert(kCommandLineBytesMax >=
              512 + 26 + 17 + 10 + 9 + (7 + kEnvelopeIdXtextBytesMax) + 11 + 15);
static_assert(kCommandLineBytesMax >= 512 + 29 + (7 + kOriginalRecipientBytesMax));

/// 4.5.3.1.5: a reply line with its CRLF.
inline constexpr size_t kReplyLineBytesMax = 512;
/// All lines of one reply; EHLO's is the longest.
inline constexpr size_t kReplyBytesMax = 1024;
/// Replies of one connection that the peer has not taken yet. Input waits while it is full.
inline constexpr size_t kReplyBufferBytes = 4096;
static_assert(kReplyBufferBytes >= 2 * kReplyBytesMax);

inline constexpr uint32_t kRecipientsDefault = 1000;  // --max-recipients
inline constexpr uint32_t kRecipientsFloor = 100;     // 4.5.3.1.8
inline constexpr uint32_t kRecipientsMax = 10000;     // of any mail, on its way in and in the spool
static_assert(kRecipientsFloor <= kRecipientsDefault && kRecipientsDefault <= kRecipientsMax);

/// --max-messages-per-connection; RFC 9422 gives its limits six digits.
inline constexpr uint32_t kMailsPerSessionMax = 999999;
static_assert(kRecipientsMax <= 999999);

inline constexpr uint64_t kMessageBytesDefault = 64ull << 20;  // --max-message-size
inline constexpr uint64_t kMessageBytesFloor = 64ull << 10;    // 4.5.3.1.7
inline constexpr uint64_t kMessageBytesCeiling = 1ull << 40;

/// Octets of a text line without its CRLF, --max-line-length. RFC 5322 section 2.1.1 asks writers
/// for 78 at most and forbids more than 998; nobody is to be refused for the former.
inline constexpr uint64_t kTextLineLimitFloor = 78;
inline constexpr uint64_t kTextLineLimitCeiling = 1ull << 30;

/// Received fields of a mail that is not taken for a loop, --max-hops. Section 6.3: at least 100.
inline constexpr uint32_t kHopsDefault = 100;
inline constexpr uint32_t kHopsCeiling = 10'000;

/// Octets of refused chunks that are discarded for a client before it opens its next transaction,
/// or the message size if that is more. Past it the session is closed: RFC 3030 wants every chunk
/// discarded whatever its size, and 2^64 octets take a while.
inline constexpr uint64_t kDiscardedChunkBytesMax = 1ull << 30;
/// A discarded chunk counts as so many octets at least, so that their number has a bound too.
inline constexpr uint64_t kDiscardedChunkBytesMin = 4096;
/// Chunks of no octets in a mail, the last one not counted. They are good for nothing.
inline constexpr uint32_t kEmptyChunksMax = 100;

/// Mail parameters behind one MAIL or RCPT.
inline constexpr uint32_t kParametersMax = 16;
/// RFC 1870 section 4: digits in the value of SIZE=.
inline constexpr size_t kSizeDigitsMax = 20;

/// IPv6 with an IPv4 tail, all groups written out.
inline constexpr size_t kIpAddressTextBytesMax = 45;

inline constexpr size_t kTextLineBytesMax = 1000;  // 4.5.3.1.6, with its CRLF; for lines we write

/// Under TLS: names of version, cipher suite and group; and the common name in a client's
/// certificate, cut if it is longer (RFC 5280 allows 64 characters).
inline constexpr size_t kTlsVersionBytesMax = 8;
inline constexpr size_t kTlsCipherBytesMax = 48;
inline constexpr size_t kTlsGroupBytesMax = 24;
inline constexpr size_t kTlsClientBytesMax = 128;

/// The Received field, its lines one by one: client, TLS, server, recipient and date; and the
/// longest address that we write is 39 octets. See core/message/trace.h.
inline constexpr size_t kReceivedTlsLineBytesMax = 10 + kTlsVersionBytesMax + 8 +
                                                   kTlsCipherBytesMax + 7 + kTlsGroupBytesMax + 5 +
                                                   kDomainBytesMax + 13 + kTlsClientBytesMax + 3;
static_assert(kReceivedTlsLineBytesMax <= kTextLineBytesMax);
inline constexpr size_t kReceivedFieldBytesMax =
    (15 + kHeloBytesMax + 8 + 39 + 4) + kReceivedTlsLineBytesMax +
    (4 + kDomainBytesMax + 17 + 9 + 4 + 13 + 2) + (6 + kPathBytesMax - 2 + 3 + 31 + 2);
static_assert(kReceivedFieldBytesMax <= kReceivedTlsLineBytesMax + kTextLineBytesMax);

// --- the PROXY protocol's header -----------------------------------------------------------------

/// Version 1: a line with its CRLF; the protocol's own bound (its section 2.1).
inline constexpr size_t kProxyLineBytesMax = 107;
/// Version 2: its length field could say 65,551. TLVs are skipped as they come, so this costs no
/// memory; certificates in PP2_TYPE_SSL are the longest that is seen.
inline constexpr size_t kProxyHeaderBytesMax = 16 << 10;

// --- TLS -----------------------------------------------------------------------------------------

/// A ClientHello; with a hybrid key share it has less than 2 KiB.
inline constexpr size_t kClientHelloBytesMax = 16 << 10;
/// The same with its record headers, of which there may be more than one.
inline constexpr size_t kClientHelloStreamBytesMax = kClientHelloBytesMax + (4 << 10);
/// Plaintext of a record, RFC 8446 section 5.1.
inline constexpr size_t kTlsRecordBytesMax = 16 << 10;
/// A record as it is sent: header, and what encryption may add, RFC 8446 section 5.2. RFC 5246
/// allows for more, but no cipher suite of ours needs it.
inline constexpr size_t kTlsRecordHeaderBytes = 5;
inline constexpr size_t kTlsEncryptedBytesMax = kTlsRecordBytesMax + 256;
/// Encrypted octets of one connection on their way out: replies, or a flight of the handshake. A
/// longer one, of a chain with many certificates, goes in pieces.
inline constexpr size_t kTlsOutputBytes = 16 << 10;
/// What a record adds to its plaintext: header, type, tag, and in TLS 1.2 a nonce.
inline constexpr size_t kTlsRecordOverheadBytes = 32;
static_assert(kTlsOutputBytes >= 2 * (kReplyBufferBytes + kTlsRecordOverheadBytes));
/// ClientHellos that a worker answers in one tick, since each costs a signature: 0.1 ms with an
/// ECDSA key, 0.8 ms with RSA. Others wait for their turn.
inline constexpr uint32_t kTlsHandshakesPerTickMax = 4;
/// Handshakes of a worker that have begun and not ended. With so many the oldest that waits for its
/// client gives way; if all wait for us, STARTTLS gets 421.
inline constexpr uint32_t kTlsHandshakesInFlightMax = 4096;
static_assert(kTlsHandshakesInFlightMax > kTlsHandshakesPerTickMax);
/// These by their age, some of them over already; past it those are sorted out.
inline constexpr size_t kTlsHandshakesBegunMax = 2 * kTlsHandshakesInFlightMax;
/// Those that wait for their turn, some of them gone already; past it these are sorted out.
inline constexpr size_t kTlsHandshakesWaitingMax = 32768;
inline constexpr int64_t kTlsHandshakeTimeoutS = 10;
/// What a worker keeps for all of its connections: records that are not whole yet, and plaintext
/// that could not be used at once; one of each at most. Past it connections are dropped, but for
/// those with an open mail, which have a bound of their own: kOpenMailsMax.
inline constexpr size_t kTlsKeptBytesPerWorkerMax = 64 << 20;
/// So much of a record that is not whole does not count there: a ClientHello, or commands, are
/// kept for everybody.
inline constexpr size_t kTlsStashFreeBytes = 4 << 10;

/// Octets of records behind a handshake that carry no plaintext; a change of keys is 27. So many
/// octets of plaintext make up for one of them.
inline constexpr size_t kTlsFruitlessBytesMax = 4 << 10;
inline constexpr size_t kTlsPlaintextPerFruitlessByte = 64;

inline constexpr size_t kTlsCertificatesMax = 1024;
inline constexpr size_t kTlsFileBytesMax = 256 << 10;  // of a chain or key
/// Files that change all the time are read after so long all the same.
inline constexpr int64_t kTlsFilesRestlessS = 30;
/// Keys of session tickets: the first one encrypts, all decrypt.
inline constexpr size_t kTlsTicketKeysMax = 16;
inline constexpr size_t kTlsTicketKeyBytes = 48;  // of a file: name and AES-256 key
inline constexpr int64_t kTlsTicketLifetimeS = 2 * 3600;
/// Time until our own key is replaced, and keys that still decrypt: longer than a ticket lives.
inline constexpr int64_t kTlsTicketRotationS = 3600;
inline constexpr size_t kTlsTicketKeysKept = 4;
static_assert((kTlsTicketKeysKept - 1) * kTlsTicketRotationS > kTlsTicketLifetimeS);
/// Resumptions one after the other, each with the ticket of the one before; then a full handshake.
/// wolfSSL 5.9.2 carries a nonce of one octet on through all of them, and fails when it wraps.
inline constexpr uint8_t kTlsTicketChainMax = 200;

// --- sessions on a worker ------------------------------------------------------------------------

/// Sessions served at a time; past it a connection hears 421 4.3.2 and is closed.
inline constexpr uint32_t kSessionsPerWorkerMax = 16384;
/// Connections over the limit that are being told so.
inline constexpr uint32_t kRefusalsPerWorkerMax = 64;
inline constexpr uint32_t kConnectionsPerWorkerMax = kSessionsPerWorkerMax + kRefusalsPerWorkerMax;

/// One size of block serves partial command lines, reply buffers and transactions.
inline constexpr size_t kSessionBlockBytes = 4096;
static_assert(kSessionBlockBytes >= kCommandLineBytesMax);
static_assert(kSessionBlockBytes >= kReplyBufferBytes);
/// A line, a reply buffer, an ENVID and a first transaction block for everybody ...
inline constexpr size_t kSessionBlocksReserved = 3 * size_t{kConnectionsPerWorkerMax};
inline constexpr size_t kTransactionBlocksReserved = 2 * size_t{kConnectionsPerWorkerMax};
/// ... and more transaction blocks for those with many recipients; when they are out, 452 4.3.1.
inline constexpr size_t kTransactionBlocksShared = 4096;

/// What a block spends on itself, and on a recipient besides its texts.
inline constexpr size_t kTransactionBlockHeadBytes = 16;
inline constexpr size_t kRecipientHeadBytes = 5;
/// The share of one transaction: so many recipients with the longest paths; what ORCPT adds comes
/// out of the same share, but leaves room for the 100 of 4.5.3.1.8. When it is used up, 452 4.3.1.
constexpr size_t transaction_blocks_max(uint32_t recipients_max) noexcept {
  constexpr size_t kRoom = kSessionBlockBytes - kTransactionBlockHeadBytes;
  constexpr size_t kPerBlock = kRoom / (kRecipientHeadBytes + kPathBytesMax - 2);
  constexpr size_t kPerBlockWithOrcpt =
      kRoom / (kRecipientHeadBytes + kPathBytesMax - 2 + kOriginalRecipientBytesMax);
  constexpr size_t kFloor = (kRecipientsFloor + kPerBlockWithOrcpt - 1) / kPerBlockWithOrcpt;
  const size_t blocks = (recipients_max + kPerBlock - 1) / kPerBlock;
  return blocks > kFloor ? blocks : kFloor;
}
static_assert(transaction_blocks_max(kRecipientsMax) <= kTransactionBlocksShared);
static_assert(transaction_blocks_max(kRecipientsDefault) <= kTransactionBlocksShared / 50);

/// Receive buffers that a connection may hold while it cannot use them; then it stops receiving,
/// and TCP holds its peer back.
inline constexpr uint32_t kHeldBuffersPerConnectionMax = 2;

/// Octets that a connection may have in its stash: read, but not yet wanted because the peer does
/// not take our replies. Past it the connection is dropped.
inline constexpr size_t kStashBytesMax = 256 << 10;
inline constexpr size_t kStashBytesPerWorkerMax = 64 << 20;

inline constexpr int64_t kCommandTimeoutS = 300;     // 4.5.3.2.7
inline constexpr int64_t kDataBlockTimeoutS = 180;   // 4.5.3.2.5
inline constexpr int64_t kReplyTimeoutS = 300;       // for the peer to take what we say
inline constexpr int64_t kProxyHeaderTimeoutS = 10;  // the protocol asks for 3 at least
inline constexpr int64_t kLingerTimeoutS = 5;        // after our last reply, for the peer's end
/// From the greeting or the end of the last mail to the end of the next one, all together.
inline constexpr int64_t kTransactionTimeDefaultS = 3600;
/// Octets of mail data per second. A modem of 1980 was faster; at this rate the largest mail that
/// --max-message-size allows by default would take twelve days.
inline constexpr uint64_t kDataRateMinDefault = 64;
inline constexpr uint64_t kDataRateMinCeiling = 1 << 20;
inline constexpr int64_t kTimeoutFloorS = 1;  // of each flag
inline constexpr int64_t kTimeoutCeilingS = 24 * 3600;
inline constexpr int64_t kTransactionTimeCeilingS = 7 * 24 * 3600;
/// Clients wait for the greeting for 5 minutes, 4.5.3.2.1; many less.
inline constexpr int64_t kGreetingDelayMaxS = 30;
/// Added to a point in time this overflows nothing: 31 years.
inline constexpr int64_t kDurationMaxS = 1'000'000'000;
static_assert(kTransactionTimeCeilingS <= kDurationMaxS);
inline constexpr int64_t kDrainTimeoutDefaultS = 30;

/// Then 421 4.7.0 (7.8 permits it): errors without a mail accepted in between, --max-errors; verbs
/// that nobody knows, without a command that gets anywhere in between; commands that move no mail,
/// without MAIL in between.
inline constexpr uint32_t kErrorsDefault = 20;
inline constexpr uint32_t kErrorsCeiling = 10'000;
inline constexpr uint32_t kUnknownVerbsMax = 10;
inline constexpr uint32_t kIdleCommandsMax = 1000;
/// --error-delay; well below the 5 minutes that clients wait for a reply (4.5.3.2).
inline constexpr int64_t kErrorDelayMaxS = 60;

inline constexpr uint32_t kWorkersMax = 1024;
inline constexpr uint32_t kListenersMax = 16;
inline constexpr uint32_t kDomainsMax = 1u << 20;
/// A config file may list that many domains by name.
inline constexpr size_t kConfigFileBytesMax = 64 << 20;

// --- the ring ------------------------------------------------------------------------------------

/// Provided receive buffers of a worker: few and hot, see net/ENGINE.md.
inline constexpr size_t kReceiveBufferBytes = 32 << 10;
inline constexpr uint32_t kReceiveBufferCount = 128;
/// Of them the kernel is offered as many as hold so much at a time, by the mean of the last ones.
inline constexpr uint64_t kReceiveHotBytes = 1 << 20;
inline constexpr uint32_t kReceiveSampleBuffers = 256;
/// All of them if for each buffer that came so many receives found none.
inline constexpr uint64_t kReceiveStarvedMax = 4;
static_assert((kReceiveBufferCount & (kReceiveBufferCount - 1)) == 0);
static_assert(kStashBytesMax >= kReceiveBufferBytes);
static_assert(kHeldBuffersPerConnectionMax < kReceiveBufferCount);

/// Descriptors of the process that connections leave to each worker's spool, for its segments and
/// their directory: a spool that cannot open a file takes no mail any more.
inline constexpr uint32_t kDescriptorsReservedPerWorker = 16;
/// Connections that wait to be accepted; the kernel cuts it to net.core.somaxconn.
inline constexpr int kListenBacklog = 65535;
/// Operations on files that a worker has under way: flights, segment heads and cuts of one writer;
/// more at once would be a leak.
inline constexpr uint32_t kFileOperationsMax = 64;
/// Events on their way from a worker to the log; when they are not taken in time, further ones are
/// dropped and counted.
inline constexpr size_t kEventRingBytes = 1 << 20;

inline constexpr uint32_t kSubmissionEntries = 1024;
/// Attempts to tell a service manager that does not listen that the server is ready, 10 ms apart.
inline constexpr int kNotifyAttemptsMax = 100;
/// Attempts to submit when the queue is full and the kernel has no memory for it.
inline constexpr int kSubmitAttemptsMax = 10'000;
inline constexpr uint32_t kCompletionEntries = 32768;
static_assert(kCompletionEntries >= 2 * kSessionsPerWorkerMax);
static_assert(kTlsHandshakesWaitingMax >= kConnectionsPerWorkerMax);

// --- spool ---------------------------------------------------------------------------------------

/// Mail data is gathered in chunks; a full chunk is a record or more. Larger ones cost memory per
/// open mail, smaller ones headers: 32 octets in 16 KiB are 0.2 %.
inline constexpr size_t kChunkBytes = 16 << 10;
/// Mail data of which so much comes at a time is a record of its own, and not gathered in a chunk.
inline constexpr size_t kRecordApartBytesMin = 8 << 10;
/// What all chunks of a worker take up, --spool-memory. The floor has room for the envelope of the
/// greatest transaction beside everything else.
inline constexpr uint64_t kSpoolMemoryDefault = 64ull << 20;
inline constexpr uint64_t kSpoolMemoryFloor = 8ull << 20;
inline constexpr uint64_t kSpoolMemoryCeiling = 16ull << 30;
static_assert(kSpoolMemoryFloor >= 2 * transaction_blocks_max(kRecipientsMax) * kSessionBlockBytes);
constexpr size_t spool_chunks(uint64_t memory_bytes) noexcept {
  return size_t(memory_bytes / kChunkBytes);
}
/// A mail in progress holds at most one chunk that is not on its way to the disk, so with a quarter
/// of the chunks left over there is always one to go on with.
inline constexpr size_t kOpenMailsMax = spool_chunks(kSpoolMemoryDefault) * 3 / 4;
constexpr size_t open_mails_max(size_t chunks) noexcept {
  return chunks * 3 / 4 < kOpenMailsMax ? chunks * 3 / 4 : kOpenMailsMax;
}
/// With fewer chunks free no transaction is begun, until so many are free again. Open mails alone
/// leave a quarter, so that comes back as soon as the disk does.
constexpr size_t chunks_low(size_t chunks) noexcept { return chunks / 8; }
constexpr size_t chunks_back(size_t chunks) noexcept { return chunks / 4; }
/// Time between two lines of the log about a worker that is too busy for further mail.
inline constexpr int64_t kBusyLogIntervalS = 10;

inline constexpr size_t kRecordHeaderBytes = 32;
inline constexpr size_t kRecordAlignment = 8;
inline constexpr uint32_t kRecordBodyBytesMax = 1u << 20;  // what a reader accepts
static_assert(kChunkBytes <= kRecordBodyBytesMax);

/// --segment-size. Behind a kill each worker's last segment is read to its end, be it zeros, before
/// mail is taken again: longer ones cost seconds there, shorter ones two waits for the disk each.
inline constexpr uint64_t kSegmentBytesDefault = 128ull << 20;
inline constexpr uint64_t kSegmentBytesFloor = 1ull << 20;
inline constexpr uint64_t kSegmentBytesCeiling = 64ull << 30;
static_assert(kSegmentBytesFloor >= 16 * kChunkBytes);
/// Microseconds of mail ids that a server leaves out when it starts. A power cut takes mails that
/// were not synced yet, after a consumer may have been handed them; with a clock that is behind
/// their ids would come once more, and the consumer would take another mail for the same.
inline constexpr uint64_t kMailIdGapUs = 1u << 25;
/// Segments that a worker begins while a mail is received. One that takes longer is refused, for
/// then nobody knows any more which files it lies in.
inline constexpr size_t kMailSegmentsMax = 4096;
/// What may stay allocated behind a seal: less is not worth a change of the file's length.
inline constexpr uint64_t kSealedRestBytesMax = 3 * kChunkBytes;
/// Mails that the index of a segment names: those of 256 MiB of mails of 4 KiB. Of further ones the
/// footer says only how many there are, and between which ids, so to find one of them by its id its
/// segment is read. To seal the segment instead would cost more: one that is not of full length
/// cannot be used again.
inline constexpr size_t kIndexEntriesMax = 64 << 10;
/// Entries of one index record; at 24 octets two of these fit into a write.
inline constexpr size_t kIndexRecordEntries = 16 << 10;
/// Waits of a few milliseconds until a reader of a live spool takes what does not check for damage:
/// a consumer's, and those of `spool verify` and its like.
inline constexpr int kFollowerSettlesMax = 16;
inline constexpr int kWalkSettlesMax = 10;
/// Times that a cursor is read until one slot is whole: it may be written to meanwhile.
inline constexpr int kCursorReadsMax = 3;
/// What a consumer hands off between two syncs; as many files are open at once.
inline constexpr size_t kHandOffMailsMax = 256;
inline constexpr uint64_t kHandOffBytesMax = 16 << 20;
/// Threads that sync them.
inline constexpr size_t kHandOffSyncThreads = 16;
/// Names that are tried for a mail, or for lines, while somebody else takes each of them, or takes
/// each of them away.
inline constexpr int kHandOffNamesMax = 100;
/// Mails of a worker that a consumer takes before it looks at the next worker.
inline constexpr uint32_t kFollowerMailsPerTurn = 64;
/// Names that are tried for a damaged segment which is put aside.
inline constexpr int kDamagedNamesMax = 1000;
/// Time that a mail waits for its segment to be filled with zeros, which spares it and others the
/// file system's journal later on; and between two attempts to make a segment.
inline constexpr int64_t kSegmentFillPatienceMs = 100;
inline constexpr int64_t kSegmentRetryS = 1;
/// Segments that wait to be used again, of one worker: a few, and of one that fills more than that
/// from one look at them to the next, twice as many as it does, up to a limit. Who has none makes
/// one, at the cost of the mail that is written meanwhile; and what is too much is removed, which a
/// file system that discards pays with pauses.
inline constexpr size_t kFreeSegmentsUsual = 4;
inline constexpr size_t kFreeSegmentsMax = 16;

/// Offsets and lengths of direct writes are multiples of this: the block of today's disks.
inline constexpr size_t kBlockBytes = 4096;
/// One gathered write: chunks, and octets.
inline constexpr size_t kWriteChunksMax = 512;
inline constexpr size_t kWriteBytesMax = 1 << 20;
static_assert(kWriteBytesMax % kBlockBytes == 0);
static_assert(kWriteBytesMax >= 2 * (kChunkBytes + kBlockBytes));
static_assert(kWriteBytesMax - kRecordHeaderBytes <= kRecordBodyBytesMax);  // in one write
static_assert(kWriteChunksMax <= 1024);  // IOV_MAX
/// A direct write of so much is begun before the tick is over, and told to the kernel by itself.
inline constexpr size_t kWriteAtOnceBytes = 256 << 10;
/// So many octets are written without waiting for another write, for company, or for a commit at
/// all: --commit-bytes. Less than a block is written as one, more than a write takes is two.
inline constexpr uint64_t kCommitBytesDefault = 512 << 10;
inline constexpr uint64_t kCommitBytesFloor = kBlockBytes;
inline constexpr uint64_t kCommitBytesCeiling = kWriteBytesMax;
static_assert(kCommitBytesFloor <= kCommitBytesDefault);
static_assert(kCommitBytesDefault <= kCommitBytesCeiling);
static_assert(kCommitBytesCeiling / kChunkBytes < spool_chunks(kSpoolMemoryFloor) / 4);
/// Who is idle starts a second synced write for so many commits, beside the one under way.
inline constexpr uint32_t kCommitsBesideWrite = 8;
inline constexpr int64_t kCommitDelayMaxMs = 1000;  // --commit-delay
inline constexpr size_t kWritesInFlightMax = 8;

/// What the page cache keeps of a worker's log behind its writer, if writes go through it, and of
/// a segment behind a reader. A reader that is closer to the writer than that finds all in memory.
inline constexpr uint64_t kCachedBytesMax = 16ull << 20;
/// What is read ahead of a reader that takes kReaderBufferBytes at once. Who takes less is close to
/// a writer, or only looks.
inline constexpr uint64_t kReadAheadBytes = 2 << 20;
/// What a worker shares of its log with consumers on the same machine, as long as there are some.
inline constexpr uint64_t kSharedTailBytes = 16ull << 20;
static_assert(kSharedTailBytes % kBlockBytes == 0);
static_assert(kSharedTailBytes > kWritesInFlightMax * kWriteBytesMax);
/// Segments that these octets may be of.
inline constexpr size_t kSharedTailSegments = 16;
/// Looks of a reader at what is being changed, until it asks the disk.
inline constexpr int kSharedTailLooksMax = 64;
/// Looks at the socket without a reader, until the memory is given back.
inline constexpr uint32_t kTailLooksUnreadMax = 3;
/// Segments of a worker of which a reader remembers how far it has seen them on the disk.
inline constexpr uint64_t kTailSegmentsSeenMax = 16;
/// Processes with which they are shared at a time.
inline constexpr int kTailReadersMax = 32;
/// Files of which some is kept: the one that is written to, and those before it.
inline constexpr size_t kTrimmedFilesMax = 4;
static_assert(kTrimmedFilesMax < kDescriptorsReservedPerWorker / 2);

/// Mails that a reader may have open at once while it puts records together.
inline constexpr size_t kReaderOpenMailsMax = kOpenMailsMax;
/// What a reader takes from the disk at once.
inline constexpr size_t kReaderBufferBytes = 1 << 20;
/// Zeros behind a bad record that a reader of a live spool looks through for whole records; more
/// than a crash can leave out between two writes.
inline constexpr uint64_t kReaderSearchZerosMax = 64ull << 20;
static_assert(kReaderSearchZerosMax > kWritesInFlightMax * kWriteBytesMax);
/// Bodies that a search checks in vain before it gives up: mail data can be made to look like
/// headers, and must not make a search quadratic.
inline constexpr uint64_t kReaderSearchBodyBytesMax = 1ull << 30;
/// The newest segments of a worker: the one that writes may be under way to, and others that were
/// made ahead or failed before a record stood in them. A tail that is torn or still growing can
/// only be in the last one that has a record.
inline constexpr size_t kUnfinishedSegmentsMax = kWritesInFlightMax + 2;
/// Logs of workers that are recovered at the same time.
inline constexpr size_t kRecoveryThreadsMax = 16;
/// Findings that a report keeps; further ones are only counted.
inline constexpr size_t kFindingsMax = 1024;

// --- consumers of a spool ------------------------------------------------------------------------

inline constexpr size_t kConsumersMax = 64;
inline constexpr size_t kConsumerNameBytesMax = 64;
/// Mails handed out and not acknowledged that a cursor remembers: in flight, held, or damaged. When
/// it is full, the consumer waits.
inline constexpr size_t kCursorPendingMax = 4096;
/// One of the two states in a cursor file.
inline constexpr size_t kCursorSlotBytes = 256 << 10;
inline constexpr size_t kCursorHeadBytes = 64;
inline constexpr size_t kCursorWorkerBytes = 32;
inline constexpr size_t kCursorPendingBytes = 40;
static_assert(kCursorSlotBytes >= kCursorHeadBytes + kWorkersMax * kCursorWorkerBytes +
                                      kCursorPendingMax * kCursorPendingBytes);
/// Records of the operations log; then it is written anew, without mails that are gone. With so
/// many that are there no further one is held, released or deleted.
inline constexpr uint64_t kOperationsMax = 1u << 20;

inline constexpr uint64_t kMinFreeSpaceCeiling = 1ull << 50;   // --min-free-space
inline constexpr uint64_t kMinFreeInodesCeiling = 1ull << 40;  // --min-free-inodes
inline constexpr int64_t kRetainForMaxS = 366 * 24 * 3600;     // --retain-for
inline constexpr uint64_t kRetainBytesCeiling = 1ull << 50;    // --retain-bytes

// --- mailrace load -------------------------------------------------------------------------------

/// Replies of other servers: longer lines than 4.5.3.1.5 allows are seen.
inline constexpr size_t kRemoteReplyLineBytesMax = 4096;
static_assert(kRemoteReplyLineBytesMax >= kReplyLineBytesMax);
inline constexpr uint32_t kRemoteReplyLinesMax = 256;

inline constexpr uint32_t kLoadConnectionsMax = 65535;
inline constexpr uint64_t kLoadMessageBytesMin = 256;  // the header section alone is nearly that
inline constexpr uint64_t kLoadMessageBytesMax = 1ull << 30;
/// One send: progress is seen, and timed, in pieces of this size.
inline constexpr size_t kLoadSendBytesMax = 16 << 20;
/// The same under TLS, where they are encrypted into memory of their own first.
inline constexpr size_t kLoadTlsSendBytesMax = 256 << 10;
inline constexpr size_t kLoadTlsReadBytes = 16 << 10;
/// Sizes of the messages of a run, if they have a distribution: at equal steps of probability.
inline constexpr size_t kLoadSizesMax = 64;
/// Standard deviation of the logarithm of sizes: at 4, one mail in a hundred is 10,000 times as
/// long as the median.
inline constexpr double kLoadSizeSigmaMax = 4.0;
/// Files of --mails, and octets of all of them together.
inline constexpr size_t kLoadMailFilesMax = 10'000;
inline constexpr uint64_t kLoadMailFolderBytesMax = 1ull << 30;
/// Recipients of a message, and how many numbers there are for the %d of --rcpt.
inline constexpr uint32_t kLoadRecipientsMax = 1000;
inline constexpr uint32_t kLoadRecipientNumbers = 1'000'000;
static_assert(kLoadRecipientsMax <= kRecipientsMax);
inline constexpr uint64_t kLoadSlowRateMax = 1'000'000'000;
/// Ids of messages that wait to be written to --ids: 24 octets each. Past it they are lost, and the
/// run has failed.
inline constexpr size_t kLoadIdsWaitingMax = 16u << 20;
/// Small and few, since replies are.
inline constexpr size_t kLoadReceiveBufferBytes = 4096;
inline constexpr uint32_t kLoadReceiveBufferCount = 256;
static_assert((kLoadReceiveBufferCount & (kLoadReceiveBufferCount - 1)) == 0);
inline constexpr int64_t kLoadReplyTimeoutS = 60;
inline constexpr int64_t kLoadDurationDefaultS = 10;
// Parts of a run, of a second at most, that wait for the thread that adds up; and how many seconds
// are reported one by one: of a longer run neighbours are put together.
inline constexpr size_t kLoadSlicesWaitingMax = 8;
inline constexpr size_t kLoadSecondsMax = 1200;
// Messages per second that may be asked for, and how many of these may be due and wait for a
// connection, in each thread.
inline constexpr uint64_t kLoadRateMax = 1'000'000;
inline constexpr uint64_t kLoadBacklogMax = 1'000'000;
// The generator is the limit when one message in a hundred is noticed later than this although a
// connection is free, or when its threads use so much of a CPU each.
inline constexpr int64_t kLoadLatenessMaxMs = 5;
inline constexpr uint32_t kLoadBusyPercentMax = 95;
inline constexpr int64_t kLoadBusyTimeMinS = 1;  // what is shorter says nothing about a CPU
inline constexpr uint32_t kLoadRampStepsMax = 100;
// A server keeps up with a rate as long as so much of what is due is acknowledged, and p99 is no
// more than so many times the least one of the ramp, or so long.
inline constexpr uint64_t kLoadKneePercentMin = 95;
inline constexpr uint64_t kLoadKneeLatencyFactor = 5;
inline constexpr int64_t kLoadKneeLatencyMs = 10;
inline constexpr int64_t kLoadRampStepDefaultS = 5;
inline constexpr int64_t kLoadRampStepMinMs = 250;  // kLoadSlicesWaitingMax in a second hold them
inline constexpr uint32_t kLoadRepeatsMax = 100;
inline constexpr size_t kLoadServerProcessesMax = 4096;  // whose CPU time is added up

// Results that are compared, octets of one, and how deep it may be nested; and how much a live view
// looks back.
inline constexpr size_t kLoadResultsMax = 16;
inline constexpr size_t kLoadResultBytesMax = 64 << 20;
inline constexpr size_t kLoadResultDepthMax = 16;
inline constexpr size_t kLoadLiveSecondsMax = 60;

// --- mailrace sink -------------------------------------------------------------------------------

/// Of a worker; the next ones wait in the kernel until one of these ends.
inline constexpr uint32_t kSinkConnectionsPerWorkerMax = 16384;
/// Connections that send nothing for so long are closed.
inline constexpr int64_t kSinkIdleTimeoutS = 300;
/// For clients to say QUIT once --messages are there.
inline constexpr int64_t kSinkDrainTimeoutS = 5;
inline constexpr uint32_t kSinkFaultRulesMax = 64;  // of each of --delay, --reply, --reset, --close
inline constexpr int64_t kSinkDelayMaxS = 240;
static_assert(kSinkDelayMaxS < kSinkIdleTimeoutS);
/// How far into a mail the id of a load run is looked for, and the longest line that is one: what
/// must be there has 64 octets with its CRLF, blanks may stand around the id.
inline constexpr size_t kLoadIdSearchBytesMax = 64 << 10;
inline constexpr size_t kLoadIdLineBytesMax = 80;
/// Mails that --verify can match, sent and arrived ones; 32 octets each, so 2 GiB for either.
inline constexpr size_t kMailRecordsMax = 1u << 26;
/// Records on their way from a worker to --ids; with so many it waits for the disk.
inline constexpr size_t kMailRecordsWaitingMax = 1u << 20;
/// Mails that the report names of each kind that is wrong.
inline constexpr size_t kMailExamplesMax = 5;

// --- limits of clients ---------------------------------------------------------------------------

/// Rules of --limit, for all networks together, and for one network.
inline constexpr size_t kLimitRulesMax = 4096;
inline constexpr size_t kLimitRulesPerNetworkMax = 8;
/// The most that a rule may allow, and the longest time for it.
inline constexpr uint32_t kLimitCountMax = 1'000'000;
inline constexpr int64_t kLimitPeriodMaxS = 86'400;
/// Keys whose rate is remembered, 8 octets each. With more of them at a time the one that owes
/// least is forgotten.
inline constexpr size_t kRateTableEntries = 1 << 20;
/// How far the clocks of two workers, which look once a tick, may be apart.
inline constexpr int64_t kRateSkewMaxS = 60;
/// Attempts to change an entry that others change at the same time.
inline constexpr int kRateAttemptsMax = 64;
/// Keys whose connections are counted, 8 octets each: a connection has up to
/// kLimitRulesPerNetworkMax of them, twice as many while it is half open, and a table that is half
/// full has few full buckets.
inline constexpr size_t kHeldEntriesPerSession = 2 * 2 * kLimitRulesPerNetworkMax;
inline constexpr size_t kHeldEntriesMax = 1 << 22;
/// Networks of an allow list or a block list, and octets of a file that has some.
inline constexpr size_t kListNetworksMax = 2'000'000;
inline constexpr uint64_t kListFileBytesMax = 256ull << 20;
/// How often a worker logs whom it refused for limits, for each kind.
inline constexpr int64_t kLimitLogIntervalS = 1;

// --- overload ------------------------------------------------------------------------------------

/// Thousandths of a budget from which on few connections are accepted, new sessions are refused,
/// and open ones are told to come later.
inline constexpr uint32_t kStrainMarks[] = {700, 850, 1000};
/// Over how long what is used of spool memory is averaged.
inline constexpr uint32_t kStrainSpanMs = 1000;
/// Ticks over which the lag of a worker is averaged.
inline constexpr int64_t kLagTicks = 8;
/// Connections that a listening socket accepts in a tick of the timer wheel under strain.
inline constexpr uint32_t kSlowAccepts = 8;
/// Time between two lines of the log about a worker's strain.
inline constexpr int64_t kStrainLogIntervalS = 10;
/// How often what is known of busy networks counts half.
inline constexpr int64_t kBusyNetworksFadeS = 30;
/// Clients of the status socket and of the metrics at a time, octets that they may ask in, and time
/// for all of it.
inline constexpr size_t kStatusClientsMax = 16;
inline constexpr size_t kStatusRequestBytesMax = 8192;
inline constexpr int64_t kStatusTimeoutS = 5;
inline constexpr size_t kStatusAnswerBytesMax = 16 << 20;
/// How long a server waits for one that wants to take its place.
inline constexpr int64_t kTakeoverTimeoutS = 300;
/// How long a server that starts waits for worker directories that another one has.
inline constexpr int64_t kWorkerLockPatienceS = 5;
/// How long one waits for a server that cannot give way yet.
inline constexpr int64_t kTakeoverPatienceS = 60;
/// What --max-connections and --max-transactions may be.
inline constexpr uint32_t kConnectionsTotalMax = kWorkersMax * kSessionsPerWorkerMax;
inline constexpr uint64_t kMemoryMaxCeiling = 1ull << 44;
/// What a worker may lag, and wait for a commit.
inline constexpr int64_t kLagMaxDefaultMs = 1000;
inline constexpr int64_t kCommitWaitMaxDefaultS = 10;

}  // namespace mailrace::core
