// SPDX-License-Identifier: GPL-3.0-or-later
// The attributes of XCLIENT: whom a trusted client speaks for.
#pragma once

#include "core/base/bounded.h"
#include "core/base/ip.h"
#include "core/base/limits.h"

#include <cstdint>
#include <optional>
#include <string_view>

namespace mailrace::core {

/// What behind EHLO's keyword XCLIENT says which attributes have an effect here. LOGIN is none of
/// them: nobody here would look at it.
inline constexpr std::string_view kXclientAttributes =
    "NAME ADDR PORT PROTO HELO DESTADDR DESTPORT";

/// An attribute. said, without a value: [UNAVAILABLE], what is known otherwise holds.
template <class T>
struct XclientValue {
  bool said = false;
  std::optional<T> value = std::nullopt;
};

/// A text; said and empty: [UNAVAILABLE], or for NAME [TEMPUNAVAIL].
template <size_t capacity>
struct XclientText {
  bool said = false;
  BoundedString<capacity> value;
};

/// The attributes of one command. Owns what it holds.
struct Xclient {
  XclientText<kDomainBytesMax> name;     // host name of the client
  XclientText<kHeloBytesMax> helo;       // what stands for the argument of EHLO or HELO
  XclientValue<IpAddress> address;       // of the client
  XclientValue<uint16_t> port;           // of the client
  XclientValue<IpAddress> dest_address;  // that the client connected to
  XclientValue<uint16_t> dest_port;      // that the client connected to
  XclientValue<bool> is_extended;        // PROTO: whether ESMTP, not SMTP
};

enum class XclientError : uint8_t {
  none,
  syntax,     // not name=value with the value in xtext, or nothing at all
  unknown,    // not one of kXclientAttributes
  duplicate,  // an attribute twice
  bad_value,  // a value that the attribute cannot have
};

/// Reads the argument of XCLIENT. Names, [UNAVAILABLE], IPV6: and the values of PROTO are compared
/// without case.
///
/// argument   attributes, separated by one SP or more
/// target     is set; complete only if the result is none
/// source     Postfix, XCLIENT_README, "XCLIENT Command syntax"; RFC 3461 section 4 (xtext)
XclientError parse_xclient(std::string_view argument, Xclient& target) noexcept;

}  // namespace mailrace::core
