// SPDX-License-Identifier: GPL-3.0-or-later
#include "tools/serve/takeover.h"

#include "core/base/limits.h"
#include "net/system_clock.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <span>
#include <utility>

namespace mailrace::tools {
namespace {

constexpr size_t kDescriptorsPerMessage = 64;
constexpr std::byte kTaken{1};      // of the successor
constexpr std::byte kLeaving{2};    // of the server, in answer to it
constexpr std::byte kWithdrawn{3};  // of the server, unasked

// A message with descriptors, as sendmsg() and recvmsg() want it.
struct Parcel {
  template <class Content>
  explicit Parcel(Content& content) : piece{&content, sizeof content} {
    header.msg_iov = &piece;
    header.msg_iovlen = 1;
    header.msg_control = control;
    header.msg_controllen = sizeof control;
  }

  alignas(cmsghdr) std::byte control[CMSG_SPACE(kDescriptorsPerMessage * sizeof(int))] = {};
  iovec piece;
  msghdr header{};
};

template <class Content>
bool send_with(int socket, const Content& content, std::span<const int> descriptors) {
  Content copy = content;
  Parcel parcel(copy);
  const size_t bytes = descriptors.size_bytes();
  parcel.header.msg_controllen = CMSG_SPACE(bytes);
  cmsghdr* const head = CMSG_FIRSTHDR(&parcel.header);
  head->cmsg_level = SOL_SOCKET;
  head->cmsg_type = SCM_RIGHTS;
  head->cmsg_len = CMSG_LEN(bytes);
  std::memcpy(CMSG_DATA(head), descriptors.data(), bytes);
  return ::sendmsg(socket, &parcel.header, MSG_DONTWAIT | MSG_NOSIGNAL) == ssize_t{sizeof copy};
}

bool wait_for(int socket) {
  pollfd input{socket, POLLIN, 0};
  return ::poll(&input, 1, int{core::kStatusTimeoutS} * 1000) > 0;
}

// Not by send(), which a server that runs may not call.
void say(int socket, std::byte octet) {
  [[maybe_unused]] const ssize_t written = ::write(socket, &octet, sizeof octet);
}

// Adds the descriptors of one message to `descriptors`. returns   whether it came whole
template <class Content>
bool receive_with(int socket, Content& content, std::vector<net::Fd>& descriptors) {
  Parcel parcel(content);
  if (!wait_for(socket)) return false;
  const ssize_t got = ::recvmsg(socket, &parcel.header, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
  if (got < 0) return false;
  for (cmsghdr* head = CMSG_FIRSTHDR(&parcel.header); head != nullptr;
       head = CMSG_NXTHDR(&parcel.header, head)) {
    if (head->cmsg_level != SOL_SOCKET || head->cmsg_type != SCM_RIGHTS) continue;
    const size_t count = (head->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (size_t i = 0; i < count; ++i) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(head) + i * sizeof fd, sizeof fd);
      descriptors.emplace_back(fd);
    }
  }
  return got == ssize_t{sizeof content} && (parcel.header.msg_flags & MSG_CTRUNC) == 0;
}

}  // namespace

// --- the server that runs ------------------------------------------------------------------------

std::optional<std::string> TakeoverService::open(const std::string& spool) {
  const char* const what = socket_.listen(spool, kTakeoverSocketName, SOCK_SEQPACKET, 1);
  if (what == nullptr) return std::nullopt;
  return std::string(what) + ": " + std::strerror(errno);
}

void TakeoverService::start(Events events) {
  if (!socket_.is_open()) return;
  events_ = std::move(events);
  wake_.reset(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  thread_ = std::thread([this] { run(); });
}

void TakeoverService::stop() {
  if (!thread_.joinable()) return;
  const uint64_t one = 1;
  while (::write(wake_.get(), &one, sizeof one) < 0 && errno == EINTR) {
  }
  thread_.join();
  socket_.close();
}

void TakeoverService::run() {
  net::SystemClock clock;
  while (true) {
    // One at a time: others wait in the backlog, and find the next server there, or nobody.
    pollfd all[] = {{wake_.get(), POLLIN, 0},
                    {successor_.is_open() ? successor_.get() : socket_.descriptor(), POLLIN, 0}};
    if (::poll(all, std::size(all), 1000) < 0 && errno != EINTR) return;
    if ((all[0].revents & POLLIN) != 0) return;
    if (all[1].revents != 0) {
      if (successor_.is_open()) {
        hear_successor();
      } else {
        bool nobody = false;
        net::Fd successor = socket_.accept(nobody);
        if (successor.is_open()) offer_to(std::move(successor), clock.now());
      }
    }
    if (successor_.is_open() && !taken_ && clock.now() >= deadline_) {
      say(successor_.get(), kWithdrawn);
      withdraw();
    }
  }
}

void TakeoverService::offer_to(net::Fd successor, core::Instant now) {
  std::optional<Giving> wanted = events_.offer();
  if (!wanted) return;
  Giving& giving = *wanted;
  giving.offer.listeners = uint32_t(giving.listeners.size());
  bool sent = send_with(successor.get(), giving.offer, std::span(&giving.lock, 1));
  std::span<const int> left = giving.listeners;
  while (sent && !left.empty()) {
    const auto part = left.first(std::min(left.size(), kDescriptorsPerMessage));
    left = left.subspan(part.size());
    sent = send_with(successor.get(), std::byte{}, part);
  }
  if (!sent) return events_.withdrawn();
  successor_ = std::move(successor);
  deadline_ = now + core::seconds(core::kTakeoverTimeoutS);
}

void TakeoverService::hear_successor() {
  std::byte said{};
  const ssize_t got = ::recv(successor_.get(), &said, sizeof said, MSG_DONTWAIT);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (got == ssize_t{sizeof said} && said == kTaken && !taken_) {
    taken_ = true;
    say(successor_.get(), kLeaving);
    return events_.taken();
  }
  if (!taken_) return withdraw();
  ::poll(nullptr, 0, 100);  // it is polled for ever, until we have ended
  if (events_.gone) std::exchange(events_.gone, nullptr)();
}

void TakeoverService::withdraw() {
  successor_.reset(-1);
  events_.withdrawn();
}

// --- the server that comes -----------------------------------------------------------------------

tl::expected<std::optional<Predecessor>, std::string> Predecessor::find(const std::string& spool) {
  net::SystemClock clock;
  const core::Instant end = clock.now() + core::seconds(core::kTakeoverPatienceS);
  do {
    Predecessor found;
    found.socket_ = connect_spool_socket(spool, kTakeoverSocketName, SOCK_SEQPACKET);
    if (!found.socket_.is_open()) {
      const bool nobody = errno == ENOENT || errno == ECONNREFUSED || errno == ENOTDIR;
      if (nobody) return std::nullopt;
      if (errno != EAGAIN) {  // others wait as well
        return tl::unexpected("the server that runs on " + spool +
                              " cannot be asked to leave: " + std::strerror(errno));
      }
    } else if (found.receive_offer()) {
      return found;
    }
    ::poll(nullptr, 0, 100);
  } while (clock.now() < end);
  return tl::unexpected("the server that runs on " + spool + " does not give way");
}

// Without an offer it hangs up: it has not got rid of the one before it yet.
bool Predecessor::receive_offer() {
  std::vector<net::Fd> descriptors;
  bool whole = receive_with(socket_.get(), offer_, descriptors) &&
               offer_.magic == TakeoverOffer::kMagic && descriptors.size() == 1 &&
               offer_.listeners <= core::kWorkersMax * core::kListenersMax;
  if (whole) lock_ = std::move(descriptors[0]);
  while (whole && listeners_.size() < offer_.listeners) {
    std::byte octet{};
    const size_t before = listeners_.size();
    whole = receive_with(socket_.get(), octet, listeners_) && listeners_.size() > before;
  }
  return whole;
}

Predecessor::Answer Predecessor::say_taken() const {
  say(socket_.get(), kTaken);  // whoever is gone may have said something before
  if (!wait_for(socket_.get())) return Answer::stays;
  std::byte said{};
  const ssize_t got = ::recv(socket_.get(), &said, sizeof said, MSG_DONTWAIT);
  if (got != ssize_t{sizeof said}) return Answer::is_gone;
  return said == kLeaving ? Answer::leaves : Answer::stays;
}

}  // namespace mailrace::tools
