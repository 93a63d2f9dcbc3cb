#pragma once
// Tracks: a few small integers per pair (poses, later HNeRV latents), coded as stream p of search/FORMAT.md.

#include <cstdint>
#include <span>
#include <vector>

#include "kitsink/bytes.h"
#include "kitsink/limits.h"
#include "kitsink/result.h"

namespace kitsink {

enum class TrackKind : uint8_t {
  kHalfAndBytes = 1,  // v1, the seeds': column 0 as IEEE half bit patterns, the others as min + byte * scale
  kUniformStep = 2,   // v2: every value is integer / steps_per_unit
};

// `num_rows` x `num_columns` integers with the rule that turns them into real numbers. "Lossless" refers to the
// integers. Values are row-major: values[row * num_columns + column].
struct Track {
  TrackKind kind = TrackKind::kUniformStep;
  uint32_t num_rows = 0;     // pairs, 1 .. Limits::max_pairs
  uint32_t num_columns = 0;  // 1 .. Limits::max_track_dims
  std::vector<int32_t> values;
  uint32_t steps_per_unit = 256;  // kUniformStep only: 1 .. 65535
  std::vector<float> minimum;     // kHalfAndBytes only: columns 1 .. num_columns - 1
  std::vector<float> scale;       // kHalfAndBytes only: likewise

  bool operator==(const Track&) const = default;
};

// Nearest track of `kind` to real values, row-major. kUniformStep uses 256 steps per unit: the step at which one
// more bit costs as much score as it saves (specs: semantic 2.2). kInvalidArgument for values out of range or NaN.
Result<Track> QuantizeTrack(std::span<const float> values, uint32_t num_columns, TrackKind kind);

// The real values that the integers stand for, row-major, float32 arithmetic.
std::vector<float> DequantizeTrack(const Track& track);

// Smaller of the two kinds for its error: the sum of the stream's bytes and of the mean squared error it adds,
// both in score (25 / original bytes per byte; the slope of sqrt(10 * pose) at pose = 1e-4 per unit of error).
Result<Track> ChooseTrack(std::span<const float> values, uint32_t num_columns, const Limits& limits);

Result<Bytes> EncodeTrack(const Track& track, const Limits& limits);
Result<Track> DecodeTrack(std::span<const uint8_t> stream, const Limits& limits);

// What the bits of a stream p are spent on, column by column; they add up to the stream's.
Result<std::vector<StreamPart>> MeasureTrack(std::span<const uint8_t> stream, const Limits& limits);

}  // namespace kitsink
