// Splits packets and bare streams into their units.

#include "video/stream_units.h"

#include <algorithm>
#include <string>

namespace kitsink {
namespace {

Error NoUnit(const std::string& what) { return Error{Code::kCorrupt, what}; }

// OBU header and size: AV1 specification, 5.3.
constexpr int kSequenceHeader = 1, kFrameHeader = 3, kTileGroup = 4, kFrame = 6, kRedundantFrameHeader = 7;

Result<StreamUnit> NextObu(std::span<const uint8_t> bytes) {
  const uint8_t header = bytes[0];
  if ((header & 0x81) != 0) return NoUnit("an OBU header with reserved bits");
  if ((header & 0x02) == 0) return NoUnit("an OBU without a size");
  size_t at = (header & 0x04) != 0 ? 2 : 1;
  uint64_t size = 0;
  for (int shift = 0;; shift += 7) {
    if (at >= bytes.size() || shift > 28) return NoUnit("no whole OBU size");
    const uint8_t byte = bytes[at++];
    size |= uint64_t{byte & 0x7fU} << shift;
    if ((byte & 0x80) == 0) break;
  }
  if (size > bytes.size() - at) {
    return NoUnit("an OBU of " + std::to_string(size) + " bytes, of which " + std::to_string(bytes.size() - at) +
                  " are left");
  }
  return StreamUnit{at + static_cast<size_t>(size), header >> 3 & 15};
}

// NAL unit header: H.265, 7.3.1.2.
constexpr int kFirstParameterSet = 32, kFirstNotPicture = 32;
constexpr uint8_t kStartCode[] = {0, 0, 1};

size_t FindStartCode(std::span<const uint8_t> bytes, size_t from) {
  const auto begin = bytes.begin() + static_cast<ptrdiff_t>(std::min(from, bytes.size()));
  return static_cast<size_t>(std::search(begin, bytes.end(), std::begin(kStartCode), std::end(kStartCode)) -
                             bytes.begin());
}

Result<StreamUnit> NextNalUnit(std::span<const uint8_t> bytes) {
  if (FindStartCode(bytes, 0) != 0) return NoUnit("no start code of a NAL unit");
  const size_t end = FindStartCode(bytes, 3);
  if (end < 5 || (bytes[3] & 0x80) != 0) return NoUnit("no whole NAL unit header");
  return StreamUnit{end, bytes[3] >> 1 & 63};
}

}  // namespace

Result<StreamUnit> NextUnit(VideoCoding coding, std::span<const uint8_t> bytes) {
  return coding == VideoCoding::kAv1 ? NextObu(bytes) : NextNalUnit(bytes);
}

size_t KeyFrameBytes(VideoCoding coding, std::span<const uint8_t> stream) {
  size_t end = 0;
  while (end < stream.size()) {
    const Result<StreamUnit> unit = NextUnit(coding, stream.subspan(end));
    if (!unit.ok()) return stream.size();
    end += unit.value().size;
    const int type = unit.value().type;
    if (coding == VideoCoding::kAv1 ? type != kSequenceHeader : type < kFirstNotPicture) break;
  }
  return end;
}

bool StreamPacker::IsNeeded(std::span<const uint8_t> unit, int type) {
  if (coding_ == VideoCoding::kAv1) {
    if (type != kSequenceHeader) {
      return type == kFrame || type == kFrameHeader || type == kTileGroup || type == kRedundantFrameHeader;
    }
    type = kFirstParameterSet;
  }
  if (type < kFirstNotPicture) return true;
  const auto i = static_cast<size_t>(type - kFirstParameterSet);
  if (i >= std::size(headers_)) return false;
  if (std::ranges::equal(unit, headers_[i])) return false;
  headers_[i].assign(unit.begin(), unit.end());
  return true;
}

Status StreamPacker::Add(std::span<const uint8_t> packet) {
  while (!packet.empty()) {
    // A zero byte before a start code (H.265, B.2).
    if (coding_ == VideoCoding::kHevc && packet[0] == 0 && FindStartCode(packet, 0) == 1) packet = packet.subspan(1);
    KIT_ASSIGN(StreamUnit unit, NextUnit(coding_, packet));
    std::span<const uint8_t> bytes = packet.first(unit.size);
    packet = packet.subspan(unit.size);
    while (coding_ == VideoCoding::kHevc && bytes.size() > 5 && bytes.back() == 0)
      bytes = bytes.first(bytes.size() - 1);
    if (IsNeeded(bytes, unit.type)) stream_.insert(stream_.end(), bytes.begin(), bytes.end());
  }
  return Ok();
}

}  // namespace kitsink
