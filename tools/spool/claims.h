// SPDX-License-Identifier: GPL-3.0-or-later
// What MAIL and RCPT said besides the paths, as text.
#pragma once

#include "spool/envelope.h"
#include "tools/lib/json.h"

#include <string>

namespace mailrace::tools {

/// "8BITMIME", ...; empty for unspecified, "unknown" for what a later version may write.
const char* body_name(core::BodyType body);
/// "FULL" or "HDRS"; as above.
const char* return_content_name(core::ReturnContent content);
/// "NEVER", or some of "SUCCESS,FAILURE,DELAY"; empty for unspecified.
std::string notify_text(core::NotifySet notify);

/// Adds what there is of body, smtputf8, ret, envid, requiretls, mt_priority; and if RCPT had DSN
/// parameters rcpt_dsn, an array with an object for each recipient in their order, which has notify
/// and orcpt as far as they were given.
void add_claims(JsonLine& line, const spool::StoredEnvelope& envelope);

/// Adds what there is of tls, cipher, group, sni and client_cn.
void add_tls(JsonLine& line, const spool::StoredTls& tls);

}  // namespace mailrace::tools
