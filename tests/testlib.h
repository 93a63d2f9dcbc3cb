#pragma once
// Small helpers shared by the tests: temporary folders, optional real data, seeded noise.

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "kitsink/random.h"
#include "kitsink/result.h"

namespace kitsink::testing {

// The tests' only source of randomness.
class Random : public SplitMix64 {
 public:
  using SplitMix64::SplitMix64;
  // Uniform in 0 .. bound - 1.
  uint32_t Below(uint32_t bound) { return static_cast<uint32_t>((Next() >> 32) * bound >> 32); }
  std::vector<uint8_t> Bytes(size_t count) {
    std::vector<uint8_t> bytes(count);
    for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(Next() >> 56);
    return bytes;
  }
};

// The value of a result that must have one.
template <typename T>
T Must(Result<T> result) {
  EXPECT_TRUE(result.ok()) << (result.ok() ? "" : result.error().message);
  return result.TakeValue();
}

// A fresh folder, removed with everything in it at the end of the test.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "kitsink-test-XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) std::abort();
    path_ = name;
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  std::filesystem::path operator/(const std::string& name) const { return path_ / name; }
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

// Real data that does not ship with the project: $KITSINK_TEST_DATA, else ../shared/data beside the source folder.
inline std::filesystem::path SharedData(const std::string& name) {
  const char* folder = std::getenv("KITSINK_TEST_DATA");
  const std::filesystem::path base =
      folder != nullptr ? std::filesystem::path(folder) : std::filesystem::path(KITSINK_SOURCE_DIR) / "../shared/data";
  return base / name;
}

}  // namespace kitsink::testing

// Declares `variable` as the path of a real-data file, or skips the test and says which file it wants.
#define KIT_SHARED_DATA_OR_SKIP(variable, name)                                \
  const std::filesystem::path variable = ::kitsink::testing::SharedData(name); \
  if (!std::filesystem::exists(variable)) GTEST_SKIP() << "needs the real data file " << name
