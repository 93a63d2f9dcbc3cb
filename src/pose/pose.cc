// Converts between real values and tracks. Floating point decides which integers a track holds, not how they are coded.

#include "kitsink/pose.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "kitsink/contest.h"
#include "kitsink/half.h"
#include "kitsink/hash.h"
#include "pose/pose_model.h"

namespace kitsink {
namespace {

const double kScorePerByte = ScorePerByte(kContestClip.size_bytes);
const double kScorePerError = PoseTermSlope(1e-4);

Result<Track> QuantizeUniform(std::span<const float> values, uint32_t num_columns, uint32_t steps_per_unit) {
  Track track;
  track.num_columns = num_columns;
  track.num_rows = static_cast<uint32_t>(values.size() / num_columns);
  track.steps_per_unit = steps_per_unit;
  track.values.reserve(values.size());
  for (const float value : values) {
    const double steps = double{value} * steps_per_unit;
    if (std::abs(steps) > kMaxUniformValue) {
      return Error{Code::kInvalidArgument, "pose: value " + std::to_string(value) + " is out of range, at most " +
                                               std::to_string(kMaxUniformValue / steps_per_unit)};
    }
    track.values.push_back(static_cast<int32_t>(std::lround(steps)));
  }
  return track;
}

Result<Track> QuantizeHalfAndBytes(std::span<const float> values, uint32_t num_columns) {
  Track track;
  track.kind = TrackKind::kHalfAndBytes;
  track.num_columns = num_columns;
  track.num_rows = static_cast<uint32_t>(values.size() / num_columns);
  track.values.resize(values.size());
  for (size_t i = 0; i < values.size(); i += num_columns) {
    const uint16_t pattern = FloatToHalf(values[i]);
    if (!IsFiniteHalf(pattern)) {
      return Error{Code::kInvalidArgument,
                   "pose: value " + std::to_string(values[i]) + " is out of range, at most 65504"};
    }
    track.values[i] = pattern;
  }
  for (size_t column = 1; column < num_columns; ++column) {
    float low = values[column], high = low;
    for (size_t i = column; i < values.size(); i += num_columns) {
      low = std::min(low, values[i]);
      high = std::max(high, values[i]);
    }
    const float scale = static_cast<float>((double{high} - low) / 255.0);
    if (!std::isfinite(scale)) return Error{Code::kInvalidArgument, "pose: a column spans more than float32 can hold"};
    track.minimum.push_back(low);
    track.scale.push_back(scale);
    for (size_t i = column; i < values.size(); i += num_columns) {
      const double steps = scale > 0 ? (double{values[i]} - low) / scale : 0.0;
      track.values[i] = static_cast<int32_t>(std::clamp(std::round(steps), 0.0, 255.0));
    }
  }
  return track;
}

Status CheckValues(std::span<const float> values, uint32_t num_columns) {
  if (num_columns == 0 || values.empty() || values.size() % num_columns != 0) {
    return Error{Code::kInvalidArgument, "pose: got " + std::to_string(values.size()) + " values in " +
                                             std::to_string(num_columns) + " columns, expected at least one whole row"};
  }
  for (const float value : values) {
    if (!std::isfinite(value)) return Error{Code::kInvalidArgument, "pose: a value is not finite"};
  }
  return Ok();
}

}  // namespace

Result<Track> QuantizeTrack(std::span<const float> values, uint32_t num_columns, TrackKind kind) {
  KIT_TRY(CheckValues(values, num_columns));
  return kind == TrackKind::kUniformStep ? QuantizeUniform(values, num_columns, 256)
                                         : QuantizeHalfAndBytes(values, num_columns);
}

std::vector<float> DequantizeTrack(const Track& track) {
  std::vector<float> values(track.values.size());
  for (size_t i = 0; i < values.size(); ++i) {
    const size_t column = i % track.num_columns;
    if (track.kind == TrackKind::kUniformStep) {
      values[i] = static_cast<float>(track.values[i]) / static_cast<float>(track.steps_per_unit);
    } else if (column == 0) {
      values[i] = HalfToFloat(static_cast<uint16_t>(track.values[i]));
    } else {
      // The volatile product prevents a fused multiply-add, which would round differently.
      const volatile float product = static_cast<float>(track.values[i]) * track.scale[column - 1];
      values[i] = product + track.minimum[column - 1];
    }
  }
  return values;
}

Result<Track> ChooseTrack(std::span<const float> values, uint32_t num_columns, const Limits& limits) {
  KIT_TRY(CheckValues(values, num_columns));
  std::vector<Result<Track>> candidates;
  candidates.push_back(QuantizeUniform(values, num_columns, 256));
  for (const uint32_t steps : {64U, 128U, 512U, 1024U})
    candidates.push_back(QuantizeUniform(values, num_columns, steps));
  candidates.push_back(QuantizeHalfAndBytes(values, num_columns));
  const Result<Track>* best = nullptr;
  double best_cost = 0;
  Error first_error;
  for (const Result<Track>& candidate : candidates) {
    const Result<Bytes> stream = candidate.ok() ? EncodeTrack(candidate.value(), limits) : candidate.error();
    if (!stream.ok()) {
      if (first_error.message.empty()) first_error = stream.error();
      continue;
    }
    const std::vector<float> stored = DequantizeTrack(candidate.value());
    double error = 0;
    for (size_t i = 0; i < values.size(); ++i)
      error += (double{stored[i]} - values[i]) * (double{stored[i]} - values[i]);
    const double cost = kScorePerByte * static_cast<double>(stream.value().size()) +
                        kScorePerError * error / static_cast<double>(values.size());
    if (best == nullptr || cost < best_cost) {
      best = &candidate;
      best_cost = cost;
    }
  }
  if (best == nullptr) return first_error;
  return best->value();
}

uint16_t TrackChecksum(const Track& track) {
  ByteWriter writer;
  for (const int32_t value : track.values) writer.U32(static_cast<uint32_t>(value));
  if (track.kind == TrackKind::kUniformStep) writer.U16(static_cast<uint16_t>(track.steps_per_unit));
  for (const float minimum : track.minimum) writer.F32(minimum);
  for (const float scale : track.scale) writer.F32(scale);
  return Crc16(writer.Take());
}

}  // namespace kitsink
