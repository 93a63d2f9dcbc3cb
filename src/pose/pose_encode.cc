// Encodes stream p, both versions.

#include <algorithm>
#include <cmath>
#include <string>

#include "kitsink/half.h"
#include "kitsink/pose.h"
#include "kitsink/range_coder.h"
#include "pose/laplace_table.h"
#include "pose/pose_model.h"

namespace kitsink {
namespace {

Error Invalid(const std::string& what) { return Error{Code::kInvalidArgument, "pose: " + what}; }

Status CheckTrack(const Track& track, const Limits& limits) {
  if (track.num_rows == 0 || track.num_rows > std::min(limits.max_pairs, 65535U)) {
    return Invalid("got " + std::to_string(track.num_rows) + " rows, expected 1 to " +
                   std::to_string(limits.max_pairs));
  }
  if (track.num_columns == 0 || track.num_columns > std::min(limits.max_track_dims, 255U)) {
    return Invalid("got " + std::to_string(track.num_columns) + " columns, expected 1 to " +
                   std::to_string(limits.max_track_dims));
  }
  if (track.values.size() != size_t{track.num_rows} * track.num_columns) {
    return Invalid("got " + std::to_string(track.values.size()) + " values, expected " +
                   std::to_string(size_t{track.num_rows} * track.num_columns));
  }
  const bool uniform = track.kind == TrackKind::kUniformStep;
  for (size_t i = 0; i < track.values.size(); ++i) {
    const int32_t low = uniform ? -kMaxUniformValue : 0;
    const int32_t high = uniform ? kMaxUniformValue : i % track.num_columns == 0 ? 65535 : 255;
    if (track.values[i] < low || track.values[i] > high) {
      return Invalid("value " + std::to_string(track.values[i]) + " of row " + std::to_string(i / track.num_columns) +
                     " is out of range, at most " + std::to_string(high));
    }
  }
  if (uniform && (track.steps_per_unit == 0 || track.steps_per_unit > 65535)) {
    return Invalid("got " + std::to_string(track.steps_per_unit) + " steps per unit, expected 1 to 65535");
  }
  const size_t num_scales = uniform ? 0 : track.num_columns - 1;
  if (track.minimum.size() != num_scales || track.scale.size() != num_scales) {
    return Invalid("got " + std::to_string(track.scale.size()) + " scales, expected " + std::to_string(num_scales));
  }
  for (size_t i = 0; i < num_scales; ++i) {
    if (!std::isfinite(track.minimum[i]) || !std::isfinite(track.scale[i])) return Invalid("a scale is not finite");
  }
  return Ok();
}

std::vector<int32_t> Column(const Track& track, size_t column) {
  std::vector<int32_t> values(track.num_rows);
  for (size_t row = 0; row < values.size(); ++row) values[row] = track.values[row * track.num_columns + column];
  return values;
}

Status WriteLaplaceColumn(const std::vector<int32_t>& values, ByteWriter& writer) {
  std::vector<int32_t> deltas;
  int32_t largest = 0;
  for (size_t row = 1; row < values.size(); ++row) {
    deltas.push_back(values[row] - values[row - 1]);
    largest = std::max(largest, std::abs(deltas.back()));
  }
  const uint32_t alphabet = 2 * static_cast<uint32_t>(largest) + 1;
  // With more symbols than kLaplaceTotal, some symbol would have frequency 0.
  if (alphabet > kLaplaceTotal) {
    return Error{Code::kUnsupported, "pose: a jump of " + std::to_string(largest) +
                                         " steps, version 1 stores at most " + std::to_string(kLaplaceTotal / 2 - 1)};
  }
  const uint16_t scale = LaplaceScale(deltas);
  const std::vector<uint32_t> frequencies = LaplaceFrequencies(scale, alphabet);
  std::vector<uint32_t> cumulative(alphabet + 1);
  for (size_t rank = 0; rank < alphabet; ++rank) cumulative[rank + 1] = cumulative[rank] + frequencies[rank];
  RangeEncoder coder;
  for (const int32_t delta : deltas) {
    const uint32_t rank = ZigzagRank(delta);
    coder.Encode(cumulative[rank], cumulative[rank + 1], kLaplaceTotal);
  }
  const Bytes code = coder.Finish();
  if (code.size() > 65535) return Error{Code::kUnsupported, "pose: a column's code is too long for version 1"};
  writer.U16(scale);
  writer.U16(static_cast<uint16_t>(alphabet));
  writer.U16(static_cast<uint16_t>(code.size()));
  writer.Append(code);
  return Ok();
}

Status WriteHalfAndBytes(const Track& track, ByteWriter& writer) {
  writer.U16(static_cast<uint16_t>(track.num_rows));
  writer.U16(static_cast<uint16_t>(track.num_columns));
  for (const float minimum : track.minimum) writer.F32(minimum);
  for (const float scale : track.scale) writer.F32(scale);
  writer.U16(static_cast<uint16_t>(track.values[0]));
  for (size_t column = 1; column < track.num_columns; ++column) writer.U8(static_cast<uint8_t>(track.values[column]));
  for (size_t column = 0; column < track.num_columns; ++column) {
    KIT_TRY(WriteLaplaceColumn(Column(track, column), writer));
  }
  return Ok();
}

int64_t NearestMean(const std::vector<int32_t>& values) {
  int64_t sum = 0;
  for (const int32_t value : values) sum += value;
  const int64_t count = static_cast<int64_t>(values.size());
  return (sum >= 0 ? sum + count / 2 : sum - count / 2) / count;
}

// The predictor with the smallest sum of residual magnitudes. This sum determines the Laplace scale and so the size.
uint32_t ChoosePredictor(const std::vector<int32_t>& values, int64_t anchor) {
  uint32_t best = 0;
  uint64_t best_sum = UINT64_MAX;
  for (uint32_t index = 0; index < kNumPredictors; ++index) {
    const Predictor predictor = Predictor::FromIndex(index, anchor);
    int64_t previous = anchor, before_previous = anchor;
    uint64_t sum = 0;
    for (const int32_t value : values) {
      sum += static_cast<uint64_t>(std::abs(value - predictor.Predict(previous, before_previous)));
      before_previous = previous;
      previous = value;
    }
    if (sum < best_sum) {
      best_sum = sum;
      best = index;
    }
  }
  return best;
}

void WriteUniform(const Track& track, ByteWriter& writer) {
  writer.U16(static_cast<uint16_t>(track.num_rows));
  writer.U8(static_cast<uint8_t>(track.num_columns));
  writer.U16(static_cast<uint16_t>(track.steps_per_unit));
  RangeEncoder range;
  BitEncoder coder(range);
  for (size_t column = 0; column < track.num_columns; ++column) {
    const std::vector<int32_t> values = Column(track, column);
    const int64_t anchor = NearestMean(values);
    const uint32_t index = ChoosePredictor(values, anchor);
    CodeAnchor(coder, anchor);
    coder.CodeRaw(index, kPredictorBits);
    const Predictor predictor = Predictor::FromIndex(index, anchor);
    ResidualModel model;
    int64_t previous = anchor, before_previous = anchor;
    for (const int32_t value : values) {
      model.Code(coder, value - predictor.Predict(previous, before_previous));
      before_previous = previous;
      previous = value;
    }
  }
  writer.Append(range.Finish());
}

}  // namespace

Result<Bytes> EncodeTrack(const Track& track, const Limits& limits) {
  KIT_TRY(CheckTrack(track, limits));
  ByteWriter writer;
  writer.U8(static_cast<uint8_t>(track.kind));
  if (track.kind == TrackKind::kUniformStep) {
    WriteUniform(track, writer);
  } else {
    KIT_TRY(WriteHalfAndBytes(track, writer));
  }
  writer.U16(TrackChecksum(track));
  return writer.Take();
}

}  // namespace kitsink
