// SPDX-License-Identifier: GPL-3.0-or-later
// What all connections of a load run share and none changes: address, command lines, mail data.
#pragma once

#include "tools/load/mail.h"
#include "tools/load/options.h"

#include <sys/socket.h>

#include <string>

namespace mailrace::tools {

struct LoadPlan {
  /// Requires: the options are those that load_flags() lets through.
  explicit LoadPlan(const LoadOptions& load_options);

  LoadOptions options;
  sockaddr_storage address{};
  socklen_t address_size = 0;
  std::string ehlo;
  std::string starttls;
  std::string mail_command;
  std::string rcpt_command;
  std::string data_command;
  std::string transaction;  // MAIL, RCPT and DATA in one piece
  std::string quit;
  LoadMail mail;
};

}  // namespace mailrace::tools
