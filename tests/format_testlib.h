#pragma once
// Helpers of the format rooms' tests: golden files, and damage of every kind that a decoder must survive.

#include <cctype>
#include <cstdlib>
#include <functional>
#include <string>

#include "kitsink/bytes.h"
#include "kitsink/file.h"
#include "testlib.h"

namespace kitsink::testing {

inline std::filesystem::path GoldenPath(const std::string& name) {
  return std::filesystem::path(KITSINK_SOURCE_DIR) / "tests/golden" / name;
}

// `bytes` equals the golden file; with UPDATE_GOLDEN=1 in the environment the file is rewritten first.
inline void ExpectGolden(const std::string& name, std::span<const uint8_t> bytes) {
  const char* update = std::getenv("UPDATE_GOLDEN");
  if (update != nullptr && std::string(update) == "1") {
    std::filesystem::create_directories(GoldenPath(name).parent_path());
    ASSERT_TRUE(WriteFile(GoldenPath(name), bytes, Overwrite::kAllow).ok());
  }
  const Result<Bytes> golden = ReadFile(GoldenPath(name), 1 << 20);
  ASSERT_TRUE(golden.ok()) << golden.error().message;
  EXPECT_TRUE(std::equal(bytes.begin(), bytes.end(), golden.value().begin(), golden.value().end()))
      << name << ": " << bytes.size() << " bytes differ from the golden file's " << golden.value().size();
}

// A sentence for a user: one line, from a room, without a final full stop, and never our own bug.
inline void ExpectDecent(const Error& error) {
  EXPECT_NE(error.code, Code::kInternal) << error.message;
  EXPECT_NE(error.message.find(": "), std::string::npos) << error.message;
  EXPECT_NE(error.message.back(), '.') << error.message;
  for (const char c : error.message) EXPECT_TRUE(std::isprint(static_cast<unsigned char>(c)) != 0) << error.message;
}

// Cuts `stream` at every length and adds bytes to it: `decode` must fail decently each time.
template <typename Decode>
void ExpectRejectsWrongLengths(const Bytes& stream, const Decode& decode) {
  for (size_t size = 0; size < stream.size(); ++size) {
    const auto result = decode(std::span(stream).first(size));
    ASSERT_FALSE(result.ok()) << "cut at byte " << size;
    ExpectDecent(result.error());
  }
  for (const uint8_t extra : {uint8_t{0x00}, uint8_t{0xff}}) {
    Bytes longer = stream;
    longer.push_back(extra);
    EXPECT_FALSE(decode(std::span<const uint8_t>(longer)).ok()) << "one byte more: " << int{extra};
  }
}

inline constexpr int kEveryFlip[] = {1, 2, 4, 8, 16, 32, 64, 128, 255};

// Flips bits of one byte at a time: `decode` must fail decently or yield `original`.
template <typename Decode, typename Value>
void ExpectRejectsFlips(const Bytes& stream, const Decode& decode, const Value& original, std::span<const int> flips) {
  for (size_t i = 0; i < stream.size(); ++i) {
    for (const int flip : flips) {
      Bytes damaged = stream;
      damaged[i] = static_cast<uint8_t>(damaged[i] ^ flip);
      const auto result = decode(std::span<const uint8_t>(damaged));
      if (result.ok()) {
        ASSERT_TRUE(result.value() == original) << "byte " << i << " flipped by " << flip;
      } else {
        ExpectDecent(result.error());
      }
    }
  }
}

}  // namespace kitsink::testing
