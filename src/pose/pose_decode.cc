// Decodes stream p, both versions, and measures its columns.

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

Error Corrupt(const std::string& what) { return Error{Code::kCorrupt, "pose: " + what}; }

Status CheckShape(const Track& track, const Limits& limits) {
  if (track.num_rows == 0) return Corrupt("declared 0 rows, expected at least 1, at byte 1");
  if (track.num_rows > limits.max_pairs) {
    return Error{Code::kLimit, "pose: declared " + std::to_string(track.num_rows) + " rows, limit " +
                                   std::to_string(limits.max_pairs) + ", at byte 1"};
  }
  if (track.num_columns == 0) return Corrupt("declared 0 columns, expected at least 1, at byte 3");
  if (track.num_columns > limits.max_track_dims) {
    return Error{Code::kLimit, "pose: declared " + std::to_string(track.num_columns) + " columns, limit " +
                                   std::to_string(limits.max_track_dims) + ", at byte 3"};
  }
  return Ok();
}

Status ReadLaplaceColumn(ByteReader& reader, size_t column, Track& track) {
  const std::string where = "column " + std::to_string(column);
  const size_t record_byte = reader.position() + 1;
  const uint16_t scale = reader.U16();
  const uint32_t alphabet = reader.U16();
  const uint16_t code_bytes = reader.U16();
  const std::span<const uint8_t> code = reader.Take(code_bytes);
  if (reader.overran()) return reader.Finish("pose");
  if (scale < kMinLaplaceScale || !IsFiniteHalf(scale) || (scale & 0x8000) != 0) {
    return Corrupt(where + ": scale pattern " + std::to_string(scale) + " is not a half of at least 0.25, at byte " +
                   std::to_string(record_byte));
  }
  if (alphabet % 2 == 0 || alphabet > kLaplaceTotal) {
    return Corrupt(where + ": alphabet of " + std::to_string(alphabet) + ", expected an odd number below " +
                   std::to_string(kLaplaceTotal) + ", at byte " + std::to_string(record_byte + 2));
  }
  std::vector<uint32_t> ends = LaplaceFrequencies(scale, alphabet);
  for (size_t rank = 1; rank < ends.size(); ++rank) ends[rank] += ends[rank - 1];
  RangeDecoder coder(code);
  std::vector<int32_t> deltas;
  int32_t value = track.values[column], largest = 0;
  const int32_t highest = column == 0 ? 65535 : 255;
  for (size_t row = 1; row < track.num_rows; ++row) {
    const auto end = std::upper_bound(ends.begin(), ends.end(), coder.Target(kLaplaceTotal));
    const uint32_t rank = static_cast<uint32_t>(end - ends.begin());
    coder.Advance(rank == 0 ? 0 : ends[rank - 1], *end, kLaplaceTotal);
    deltas.push_back(ZigzagValue(rank));
    largest = std::max(largest, std::abs(deltas.back()));
    value += deltas.back();
    if (value < 0 || value > highest) {
      return Corrupt(where + ": value " + std::to_string(value) + " in row " + std::to_string(row) +
                     ", expected 0 to " + std::to_string(highest));
    }
    track.values[row * track.num_columns + column] = value;
  }
  KIT_TRY(coder.Finish("pose: " + where));
  // The encoder derives both from the values, so each track has exactly one stream.
  if (scale != LaplaceScale(deltas) || alphabet != 2 * static_cast<uint32_t>(largest) + 1) {
    return Corrupt(where + ": scale or alphabet do not match the values, at byte " + std::to_string(record_byte));
  }
  return Ok();
}

// Appends the bits of each column to `costs`.
Result<Track> ReadHalfAndBytes(std::span<const uint8_t> body, const Limits& limits, std::vector<double>& costs) {
  ByteReader reader(body);
  Track track;
  track.kind = TrackKind::kHalfAndBytes;
  track.num_rows = reader.U16();
  track.num_columns = reader.U16();
  KIT_TRY(CheckShape(track, limits));
  for (size_t column = 1; column < track.num_columns; ++column) track.minimum.push_back(reader.F32());
  for (size_t column = 1; column < track.num_columns; ++column) track.scale.push_back(reader.F32());
  for (size_t i = 0; i < track.scale.size(); ++i) {
    if (!std::isfinite(track.minimum[i]) || !std::isfinite(track.scale[i])) {
      return Corrupt("the minimum or scale of column " + std::to_string(i + 1) + " is not finite");
    }
  }
  track.values.resize(size_t{track.num_rows} * track.num_columns);
  track.values[0] = reader.U16();
  for (size_t column = 1; column < track.num_columns; ++column) track.values[column] = reader.U8();
  for (size_t column = 0; column < track.num_columns; ++column) {
    const size_t begin = reader.position();
    KIT_TRY(ReadLaplaceColumn(reader, column, track));
    costs.push_back(8 * static_cast<double>(reader.position() - begin));
  }
  KIT_TRY(reader.Finish("pose"));
  return track;
}

Status DecodeUniformColumn(BitDecoder& coder, size_t column, Track& track) {
  const std::string where = "column " + std::to_string(column);
  const int64_t anchor = CodeAnchor(coder, 0);
  const uint32_t index = coder.CodeRaw(0, kPredictorBits);
  if (std::abs(anchor) > kMaxUniformValue || index >= kNumPredictors) {
    return Corrupt(where + ": anchor " + std::to_string(anchor) + " or predictor " + std::to_string(index) +
                   " is out of range");
  }
  const Predictor predictor = Predictor::FromIndex(index, anchor);
  ResidualModel model;
  int64_t previous = anchor, before_previous = anchor;
  for (size_t row = 0; row < track.num_rows; ++row) {
    const int64_t value = predictor.Predict(previous, before_previous) + model.Code(coder, 0);
    if (std::abs(value) > kMaxUniformValue) {
      return Corrupt(where + ": value " + std::to_string(value) + " in row " + std::to_string(row) +
                     " is out of range");
    }
    track.values[row * track.num_columns + column] = static_cast<int32_t>(value);
    before_previous = previous;
    previous = value;
  }
  return Ok();
}

Result<Track> ReadUniform(std::span<const uint8_t> body, const Limits& limits, std::vector<double>& costs) {
  ByteReader reader(body);
  Track track;
  track.num_rows = reader.U16();
  track.num_columns = reader.U8();
  track.steps_per_unit = reader.U16();
  if (reader.overran()) KIT_TRY(reader.Finish("pose"));
  KIT_TRY(CheckShape(track, limits));
  if (track.steps_per_unit == 0) return Corrupt("declared 0 steps per unit, expected at least 1, at byte 4");
  track.values.resize(size_t{track.num_rows} * track.num_columns);
  RangeDecoder range(reader.Take(reader.remaining()));
  BitDecoder coder(range);
  for (size_t column = 0; column < track.num_columns; ++column) {
    const size_t begin_bits = range.bits_settled();
    KIT_TRY(DecodeUniformColumn(coder, column, track));
    costs.push_back(static_cast<double>(range.bits_settled() - begin_bits));
    if (range.exhausted()) return Corrupt("ends early, in column " + std::to_string(column));
  }
  KIT_TRY(range.Finish("pose"));
  return track;
}

Result<Track> Decode(std::span<const uint8_t> stream, const Limits& limits, std::vector<double>& costs) {
  if (stream.size() < 3) return Corrupt("ends early, at byte " + std::to_string(stream.size()));
  const std::span<const uint8_t> body = stream.subspan(1, stream.size() - 3);
  Result<Track> track =
      Error{Code::kUnsupported, "pose: version " + std::to_string(stream[0]) + ", this build reads 1 and 2, at byte 0"};
  if (stream[0] == static_cast<uint8_t>(TrackKind::kHalfAndBytes)) track = ReadHalfAndBytes(body, limits, costs);
  if (stream[0] == static_cast<uint8_t>(TrackKind::kUniformStep)) track = ReadUniform(body, limits, costs);
  if (!track.ok()) return track;
  ByteReader checksum(stream.last(2));
  const uint16_t expected = checksum.U16();
  const uint16_t got = TrackChecksum(track.value());
  if (got != expected) {
    return Corrupt("checksum of the decoded integers is " + std::to_string(got) + ", expected " +
                   std::to_string(expected));
  }
  return track;
}

}  // namespace

Result<Track> DecodeTrack(std::span<const uint8_t> stream, const Limits& limits) {
  std::vector<double> unused;
  return Decode(stream, limits, unused);
}

Result<std::vector<StreamPart>> MeasureTrack(std::span<const uint8_t> stream, const Limits& limits) {
  std::vector<double> costs;
  KIT_ASSIGN(const Track track, Decode(stream, limits, costs));
  std::vector<StreamPart> parts;
  double left = 8 * static_cast<double>(stream.size());
  for (size_t column = 0; column < costs.size(); ++column) {
    parts.push_back({"column " + std::to_string(column), costs[column], track.num_rows});
    left -= costs[column];
  }
  parts.push_back({"head, end and checksum", left, 0});
  return parts;
}

}  // namespace kitsink
