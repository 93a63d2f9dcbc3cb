// Splits packets and bare streams into their units.

#include "codecs/video/units.h"

#include <algorithm>
#include <string>

namespace kitsink::video {
namespace {

// What a unit is for.
enum class Use : uint8_t {
  kNone,     // tells a decoder nothing about pixels: delimiters, messages, padding
  kHeader,   // a sequence header or parameter set
  kHidden,   // a picture, or a part of one, that is not shown
  kPicture,  // shows a picture
  kSlice     // a further slice of a picture
};
struct Unit {
  size_t size = 0;
  Use use = Use::kNone;
  size_t header = 0;  // its number among the coding's headers
};

Error NoUnit(const std::string& what) { return Error{Code::kCorrupt, what}; }

// AV1 specification, 5.9.2: bit 7 shows a picture that was decoded before; else bit 4 shows this one.
bool Shows(std::span<const uint8_t> payload) {
  return !payload.empty() && ((payload[0] & 0x80) != 0 || (payload[0] & 0x10) != 0);
}

// OBU header and size: AV1 specification, 5.3.
Result<Unit> NextObu(std::span<const uint8_t> bytes) {
  constexpr int kSequenceHeader = 1, kFrameHeader = 3, kTileGroup = 4, kFrame = 6, kRedundantFrameHeader = 7;
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
  Unit unit{at + static_cast<size_t>(size)};
  const int type = header >> 3 & 15;
  if (type == kSequenceHeader) unit.use = Use::kHeader;
  if (type == kTileGroup || type == kRedundantFrameHeader) unit.use = Use::kHidden;
  if (type == kFrame || type == kFrameHeader) {
    unit.use = Shows(bytes.subspan(at, static_cast<size_t>(size))) ? Use::kPicture : Use::kHidden;
  }
  return unit;
}

constexpr uint8_t kStartCode[] = {0, 0, 1};

size_t FindStartCode(std::span<const uint8_t> bytes, size_t from) {
  const auto begin = bytes.begin() + static_cast<ptrdiff_t>(std::min(from, bytes.size()));
  return static_cast<size_t>(std::search(begin, bytes.end(), std::begin(kStartCode), std::end(kStartCode)) -
                             bytes.begin());
}

// NAL unit header: H.265, 7.3.1.2. The first bit of a slice says whether it is its picture's first (7.3.6.1).
Result<Unit> NextNalUnit(std::span<const uint8_t> bytes) {
  constexpr int kFirstParameterSet = 32, kNumParameterSets = 3;
  if (FindStartCode(bytes, 0) != 0) return NoUnit("no three-byte start code of a NAL unit");
  const size_t end = FindStartCode(bytes, 3);
  if (end < 5 || (bytes[3] & 0x80) != 0) return NoUnit("no whole NAL unit header");
  Unit unit{end};
  const int type = bytes[3] >> 1 & 63;
  if (type < kFirstParameterSet) {
    unit.use = end > 5 && (bytes[5] & 0x80) != 0 ? Use::kPicture : Use::kSlice;
  } else if (type < kFirstParameterSet + kNumParameterSets) {
    unit.use = Use::kHeader;
    unit.header = static_cast<size_t>(type - kFirstParameterSet);
  }
  return unit;
}

// The unit at the start of `bytes`, which are not empty. kCorrupt when there is no whole unit.
Result<Unit> NextUnit(StreamCoding coding, std::span<const uint8_t> bytes) {
  return coding == StreamCoding::kAv1 ? NextObu(bytes) : NextNalUnit(bytes);
}

}  // namespace

Result<std::vector<std::span<const uint8_t>>> SplitUnits(const Stream& stream) {
  std::vector<std::span<const uint8_t>> units;
  uint64_t num_pictures = 0;
  for (size_t at = 0; at < stream.bytes.size();) {
    const std::span<const uint8_t> rest = std::span(stream.bytes).subspan(at);
    const auto corrupt = [&](const std::string& what) {
      return Error{Code::kCorrupt, "stream: picture " + std::to_string(num_pictures) + ": " + what + ", at byte " +
                                       std::to_string(at) + " of its units"};
    };
    const Result<Unit> unit = NextUnit(stream.coding, rest);
    if (!unit.ok()) return corrupt(unit.error().message);
    if (unit.value().use == Use::kSlice) return corrupt("a second slice of a picture");
    if (unit.value().use == Use::kPicture) ++num_pictures;
    units.push_back(rest.first(unit.value().size));
    at += unit.value().size;
  }
  StreamPacker packer(stream.coding);
  KIT_TRY(packer.Add(stream.bytes));
  if (packer.Take() != stream.bytes) {
    return Error{Code::kCorrupt, "stream: holds units or bytes that no decoder needs"};
  }
  if (num_pictures != stream.num_pictures()) {
    return Error{Code::kCorrupt, "stream: pictures that its units show: " + std::to_string(num_pictures) +
                                     ", expected " + std::to_string(stream.num_pictures())};
  }
  return units;
}

size_t KeyFrameBytes(StreamCoding coding, std::span<const uint8_t> stream) {
  size_t end = 0;
  while (end < stream.size()) {
    const Result<Unit> unit = NextUnit(coding, stream.subspan(end));
    if (!unit.ok()) return stream.size();
    end += unit.value().size;
    if (unit.value().use != Use::kHeader) break;
  }
  return end;
}

Status StreamPacker::Add(std::span<const uint8_t> packet) {
  while (!packet.empty()) {
    // A zero byte before a start code (H.265, B.2).
    if (coding_ == StreamCoding::kHevc && packet[0] == 0 && FindStartCode(packet, 0) == 1) packet = packet.subspan(1);
    KIT_ASSIGN(const Unit unit, NextUnit(coding_, packet));
    std::span<const uint8_t> bytes = packet.first(unit.size);
    packet = packet.subspan(unit.size);
    while (coding_ == StreamCoding::kHevc && bytes.size() > 5 && bytes.back() == 0)
      bytes = bytes.first(bytes.size() - 1);
    if (unit.use == Use::kNone) continue;
    if (unit.use == Use::kHeader) {
      if (std::ranges::equal(bytes, headers_[unit.header])) continue;
      headers_[unit.header].assign(bytes.begin(), bytes.end());
    }
    stream_.insert(stream_.end(), bytes.begin(), bytes.end());
  }
  return Ok();
}

}  // namespace kitsink::video
