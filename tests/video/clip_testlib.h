#pragma once
// Clips for the tests of video reading: noise pictures through FFmpeg's encoders, and reading a file to its end.

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include "kitsink/hash.h"
#include "kitsink/video.h"
#include "testlib.h"
#include "video_encoder.h"

// libx265, used here to make clips, leaks a few kilobytes per encoder. Only LeakSanitizer calls this function.
extern "C" const char* __lsan_default_suppressions();
extern "C" const char* __lsan_default_suppressions() { return "leak:libx265"; }

namespace kitsink::testing {

inline Yuv420 NoisePicture(FrameSize size, uint64_t seed) {
  Random random(seed);
  const size_t chroma = size_t{(size.width + 1) / 2} * ((size.height + 1) / 2);
  return {size, random.Bytes(size_t{size.width} * size.height), random.Bytes(chroma), random.Bytes(chroma)};
}

// A clip of noise pictures with seeds 0 .. count - 1.
inline void WriteClip(const std::filesystem::path& path, FrameSize size, int count,
                      const VideoEncoderOptions& options) {
  Result<VideoEncoder> encoder = VideoEncoder::Create(path, size, options);
  ASSERT_TRUE(encoder.ok()) << encoder.error().message;
  for (int i = 0; i < count; ++i) ASSERT_TRUE(encoder.value().Write(NoisePicture(size, static_cast<uint64_t>(i))).ok());
  const Status committed = encoder.value().Commit();
  ASSERT_TRUE(committed.ok()) << committed.error().message;
}

// Picture `index` of a pattern that moves to the left, which encoders predict from earlier pictures.
inline Yuv420 MovingPicture(FrameSize size, uint32_t index) {
  const std::vector<uint8_t> pattern = Random(7).Bytes(size_t{64} * 64);
  Yuv420 picture = NoisePicture(size, 0);
  for (uint32_t y = 0; y < size.height; ++y) {
    for (uint32_t x = 0; x < size.width; ++x) {
      picture.y[size_t{y} * size.width + x] = pattern[y / 8 % 64 * 64 + (x + 3 * index) / 8 % 64];
    }
  }
  std::fill(picture.u.begin(), picture.u.end(), static_cast<uint8_t>(100));
  std::fill(picture.v.begin(), picture.v.end(), static_cast<uint8_t>(150));
  return picture;
}

// A clip of moving pictures.
inline void WriteMovingClip(const std::filesystem::path& path, FrameSize size, uint32_t count,
                            const VideoEncoderOptions& options) {
  Result<VideoEncoder> encoder = VideoEncoder::Create(path, size, options);
  ASSERT_TRUE(encoder.ok()) << encoder.error().message;
  for (uint32_t i = 0; i < count; ++i) ASSERT_TRUE(encoder.value().Write(MovingPicture(size, i)).ok());
  const Status committed = encoder.value().Commit();
  ASSERT_TRUE(committed.ok()) << committed.error().message;
}

struct Outcome {
  std::vector<std::string> frames;           // SHA-256 of each
  Error error = Error{Code::kInternal, ""};  // an empty message: no error
};

inline Outcome ReadToTheEnd(const std::filesystem::path& path) {
  Outcome outcome;
  Result<VideoReader> reader = VideoReader::Open(path, Limits());
  if (!reader.ok()) outcome.error = reader.error();
  while (reader.ok()) {
    Result<std::optional<Frame>> frame = reader.value().Next();
    if (!frame.ok()) outcome.error = frame.error();
    if (!frame.ok() || !frame.value().has_value()) break;
    outcome.frames.push_back(Sha256Hex(frame.value()->rgb));
  }
  return outcome;
}

// Keeps the first `size_bytes` of a file.
inline void Truncate(const std::filesystem::path& from, const std::filesystem::path& to, uint64_t size_bytes) {
  Bytes bytes = ReadFile(from, 1 << 28).TakeValue();
  bytes.resize(size_bytes);
  ASSERT_TRUE(WriteFile(to, bytes, Overwrite::kAllow).ok());
}

}  // namespace kitsink::testing
