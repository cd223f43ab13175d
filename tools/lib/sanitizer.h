// SPDX-License-Identifier: GPL-3.0-or-later
// Whether this program was built with a sanitizer, which does things behind our back.
#pragma once

namespace mailrace::tools {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr bool kHasSanitizer = true;
#elif defined(__has_feature)
inline constexpr bool kHasSanitizer =
    __has_feature(address_sanitizer) || __has_feature(thread_sanitizer);
#else
inline constexpr bool kHasSanitizer = false;
#endif

}  // namespace mailrace::tools
