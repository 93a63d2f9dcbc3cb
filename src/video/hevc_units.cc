// Finds the units of an HEVC packet.

#include "video/hevc_units.h"

#include <cstddef>
#include <cstdint>
#include <span>

namespace kitsink {
namespace {

int TypeOf(uint8_t first_byte) { return first_byte >> 1 & 63; }

std::optional<int> FindAfterStartCode(std::span<const uint8_t> bytes, int end_type) {
  for (size_t i = 0; i + 3 < bytes.size(); ++i) {
    if (bytes[i] != 0 || bytes[i + 1] != 0 || bytes[i + 2] != 1) continue;
    if (const int type = TypeOf(bytes[i + 3]); type < end_type) return type;
  }
  return std::nullopt;
}

std::optional<int> FindAfterLength(std::span<const uint8_t> bytes, size_t length_bytes, int end_type) {
  while (bytes.size() > length_bytes) {
    size_t length = 0;
    for (size_t i = 0; i < length_bytes; ++i) length = length << 8 | bytes[i];
    if (const int type = TypeOf(bytes[length_bytes]); type < end_type) return type;
    if (length > bytes.size() - length_bytes) return std::nullopt;
    bytes = bytes.subspan(length_bytes + length);
  }
  return std::nullopt;
}

}  // namespace

// FFmpeg's decoder tells the two apart in the same way: the "hvcC" record begins with its version, 1.
bool HasStartCodes(const AVCodecParameters& parameters) {
  const uint8_t* const extra = parameters.extradata;
  return parameters.extradata_size <= 3 || (extra[0] == 0 && extra[1] == 0 && extra[2] <= 1);
}

std::optional<int> FindUnit(const AVCodecParameters& parameters, const AVPacket& packet, int end_type) {
  const std::span<const uint8_t> bytes(packet.data, static_cast<size_t>(packet.size));
  if (HasStartCodes(parameters)) return FindAfterStartCode(bytes, end_type);
  constexpr int kLengthSizeByte = 21;  // of "hvcC": its low two bits are the bytes of a length, less one
  if (parameters.extradata_size <= kLengthSizeByte) return std::nullopt;
  return FindAfterLength(bytes, static_cast<size_t>(parameters.extradata[kLengthSizeByte] & 3) + 1, end_type);
}

}  // namespace kitsink
