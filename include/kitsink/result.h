#pragma once
// Errors as values: every operation that can fail returns a Result or a Status, which the caller must check.

#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace kitsink {

enum class Code {
  kIo,               // the operating system refused: missing file, disk full, no permission
  kCorrupt,          // input bytes contradict the format
  kUnsupported,      // valid input of a kind that this build does not handle
  kLimit,            // input asks for more than Limits allows
  kInvalidArgument,  // the caller's options make no sense
  kInterrupted,      // the user asked to stop
  kInternal,         // a bug in kitsink or a library; input bytes must never cause it
};

// One sentence, "room: object: what, got X, expected Y, at byte Z", without a final full stop.
struct Error {
  Code code = Code::kInternal;
  std::string message;
};

std::string_view CodeName(Code code);

template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : value_(std::move(value)) {}      // NOLINT: implicit on purpose
  Result(Error error) : error_(std::move(error)) {}  // NOLINT: implicit on purpose
  bool ok() const { return value_.has_value(); }
  // REQUIRES: ok().
  T& value() { return *value_; }
  const T& value() const { return *value_; }
  T TakeValue() { return std::move(*value_); }
  // REQUIRES: !ok().
  const Error& error() const { return error_; }

 private:
  std::optional<T> value_;
  Error error_;
};

class [[nodiscard]] Status {
 public:
  Status() = default;
  Status(Error error) : error_(std::move(error)) {}  // NOLINT: implicit on purpose
  bool ok() const { return !error_.has_value(); }
  // REQUIRES: !ok().
  const Error& error() const { return *error_; }

 private:
  std::optional<Error> error_;
};

inline Status Ok() { return Status(); }

// The same error with the room's or the object's name in front: "mask: ...".
Error Within(std::string_view where, Error error);

// Untrusted text made safe for a message: at most 80 bytes of it, in double quotes. Quotes and backslashes are escaped;
// other bytes than printable ASCII become \xNN.
std::string Quoted(std::string_view text);

// Prints file, line and expression and aborts. For broken invariants of kitsink itself, never for bad input.
[[noreturn]] void CheckFailed(const char* file, int line, const char* expression);

}  // namespace kitsink

#define KIT_CONCAT_(a, b) a##b
#define KIT_CONCAT(a, b) KIT_CONCAT_(a, b)

// Returns the error of `expr` (a Status or a Result) from the enclosing function.
#define KIT_TRY(expr)                                 \
  do {                                                \
    if (auto kit_status = (expr); !kit_status.ok()) { \
      return kit_status.error();                      \
    }                                                 \
  } while (false)

// `KIT_ASSIGN(auto x, F());` declares x from F's value or returns F's error.
#define KIT_ASSIGN(declaration, expr) KIT_ASSIGN_(declaration, expr, KIT_CONCAT(kit_result_, __LINE__))
#define KIT_ASSIGN_(declaration, expr, name) \
  auto name = (expr);                        \
  if (!name.ok()) return name.error();       \
  declaration = name.TakeValue()

#define KIT_CHECK(condition) \
  ((condition) ? static_cast<void>(0) : ::kitsink::CheckFailed(__FILE__, __LINE__, #condition))
