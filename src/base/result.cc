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
    case Code::kInternal: return "internal";
  }
  return "internal";
}

Error Within(std::string_view where, Error error) {
  error.message = std::string(where) + ": " + error.message;
  return error;
}

void CheckFailed(const char* file, int line, const char* expression) {
  std::fprintf(stderr, "kitsink: broken invariant at %s:%d: %s\n", file, line, expression);
  std::abort();
}

}  // namespace kitsink
