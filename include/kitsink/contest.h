#pragma once
// Published facts of the contest (commaai/comma_video_compression_challenge): sizes and SHA-256 of its nets and its
// clip.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <span>
#include <string_view>

namespace kitsink {

struct ContestFile {
  std::string_view name;
  uint64_t size_bytes = 0;
  std::string_view sha256;
};

inline constexpr ContestFile kContestSegNet{"segnet.safetensors", 38502892,
                                            "68956e328d4c5d875389a1a444870e6bac1c052c9986123827af95c07c6991b6"};
inline constexpr ContestFile kContestPoseNet{"posenet.safetensors", 55835560,
                                             "0f3a0874c5c387f990d7b88bd1d7e1f6de35d98b45f2a289989db2c77b9b6576"};
inline constexpr ContestFile kContestClip{"0.mkv", 37545489,
                                          "2611f5f3e186f3529777749f97bd4cce3a208d6b3559e137bd45d256980d2fa9"};
inline constexpr uint64_t kContestFrames = 1200;  // in the clip

// The score is 100 * seg + sqrt(10 * pose) + 25 * archive bytes / original bytes. What one byte of archive adds to it:
inline double ScorePerByte(uint64_t original_bytes) { return 25 / static_cast<double>(original_bytes); }
// What a small increase of the mean squared pose error adds to it, per unit: the derivative of sqrt(10 * pose).
inline double PoseTermSlope(double pose) { return 5 / std::sqrt(10 * pose); }

// First bytes of a Git LFS pointer, the text file that stands in for a file until "git lfs pull" fetches it.
inline constexpr std::string_view kLfsPointer = "version https://git-lfs";

inline bool IsLfsPointer(std::span<const uint8_t> bytes) {
  return bytes.size() >= kLfsPointer.size() && std::ranges::equal(bytes.first(kLfsPointer.size()), kLfsPointer, {}, {},
                                                                  [](char c) { return static_cast<uint8_t>(c); });
}

}  // namespace kitsink
