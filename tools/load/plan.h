// SPDX-License-Identifier: GPL-3.0-or-later
// What all connections of a load run share and none changes: address, command lines, mail data.
#pragma once

#include "tools/load/mail.h"
#include "tools/load/options.h"
#include "tools/load/target.h"

#include <sys/socket.h>

#include <cstdint>
#include <memory>
#include <string>

namespace mailrace::tools {

struct LoadPlan {
  /// Requires: the options are those that load_flags() and prepare_load() let through.
  explicit LoadPlan(const LoadOptions& load_options);

  /// A header for one of the made-up clients that a proxy speaks for; nothing without --proxy.
  /// random   64 bits that choose
  std::string proxy_header_of(uint64_t random) const;

  LoadOptions options;
  LoadTarget target;
  sockaddr_storage address{};
  socklen_t address_size = 0;
  std::string hello;  // EHLO or LHLO
  std::string starttls;
  std::string mail_command;
  std::string rcpt_begin;  // RCPT up to where a number belongs, if one does, and what is behind it
  std::string rcpt_end;
  bool rcpt_has_number = false;
  std::string bad_rcpt_command;
  std::string data_command;
  std::string reset_command;
  std::string transaction;  // MAIL, RCPT and DATA in one piece, if nothing varies
  std::string quit;
  // Messages differ in more than their ids: each takes a few draws.
  bool is_varied = false;
  std::unique_ptr<const LoadMail> mail;
};

}  // namespace mailrace::tools
