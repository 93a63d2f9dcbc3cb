// Names of error codes, texts of errors, and the abort after a broken invariant.

#include "kitsink/result.h"

#include <cstdio>
#include <cstdlib>

namespace kitsink {

std::string_view CodeName(Code code) {
  switch (code) {
    case Code::kIo: return "io";
    case Code::kCorrupt: return "corrupt";
    case Code::kUnsupported: return "unsupported";
    case Code::kLimit: return "limit";
    case Code::kInvalidArgument: return "invalid argument";
    case Code::kInterrupted: return "interrupted";
    case Code::kInternal: return "internal";
  }
  return "internal";
}

Error Within(std::string_view where, Error error) {
  error.message = std::string(where) + ": " + error.message;
  return error;
}

std::string Quoted(std::string_view text) {
  constexpr size_t kMaxShown = 80;
  static constexpr char kHex[] = "0123456789abcdef";
  std::string quoted = "\"";
  for (const char c : text.substr(0, kMaxShown)) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte > 0x7e) {
      quoted += {'\\', 'x', kHex[byte >> 4], kHex[byte & 15]};
    } else {
      if (c == '"' || c == '\\') quoted += '\\';
      quoted += c;
    }
  }
  return quoted + (text.size() > kMaxShown ? "...\"" : "\"");
}

void CheckFailed(const char* file, int line, const char* expression) {
  std::fprintf(stderr, "kitsink: broken invariant at %s:%d: %s\n", file, line, expression);
  std::abort();
}

}  // namespace kitsink
