#pragma once
// An archive: a zip with one member, or the folder it was extracted to; and the member's parts (src/archive/FORMAT.md).

#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "kitsink/bytes.h"
#include "kitsink/class_maps.h"
#include "kitsink/frame.h"
#include "kitsink/limits.h"
#include "kitsink/result.h"

namespace kitsink {

// Number of a codec, 1 .. 15. Each codec's folder defines its own.
using CodecId = uint8_t;
inline constexpr CodecId kMaxCodecId = 15;
inline constexpr CodecId kVersion1Codec = 1;  // the one codec of format version 1; it has no other version

inline constexpr size_t kMaxSections = 8;

// What an archive stores, before a codec decodes it.
struct Member {
  CodecId codec = 0;
  FrameSize frame_size = kContestFrameSize;  // of the frames to write; each side 1 .. Limits::max_dimension
  uint8_t flags = 0;                         // the codec's own flags; version 1 only, see kCodecFlags
  std::vector<Bytes> sections;               // 1 .. kMaxSections; version 1 has four
  // Made by another program, in a format of its own that the codec reads: one section, the member as it is. Nothing
  // writes such a member.
  bool foreign = false;
  bool operator==(const Member&) const = default;
};
inline constexpr uint8_t kCodecFlags = 1 << 1;  // bits of version 1's flag byte that belong to the codec

// Header and sections as bytes. kInvalidArgument for a foreign member and one that breaks the rules above, kLimit for
// one too large.
Result<Bytes> WriteMember(const Member& member, const Limits& limits);
// Verifies header, lengths and the check byte.
Result<Member> ReadMember(std::span<const uint8_t> bytes, const Limits& limits);
// Size of the header, 0 for a foreign member. REQUIRES: the member is foreign or WriteMember() accepts it.
uint64_t HeaderBytes(const Member& member);
// The format version that a member is written with, 1 or 2; 0 for a foreign member.
int FormatVersion(const Member& member);

// What one section's bytes are spent on.
struct SectionUse {
  std::string name;   // "m"
  std::string title;  // "class maps"
  uint64_t size_bytes = 0;
  std::string what;               // for people: "600 class maps of 512 x 384, ..."
  std::vector<StreamPart> parts;  // their bits add up to the section's; empty unless measured
};

enum class DescribeDepth {
  kQuick,     // only what decodes at once
  kWhole,     // decode every section to its last integer
  kMeasured,  // the same, and measure the bits of every part
};

// A number that a codec stores for each pair, or for each `pairs_each` successive pairs.
struct PairColumn {
  std::string name;  // "pose 0, forward speed"
  std::string unit;  // "m/s"; empty for none
  std::vector<float> values;
  uint32_t pairs_each = 1;  // 1 or more; the last value may stand for fewer pairs
  bool is_code = false;     // whole numbers, each of which names a choice
};

// What a member holds.
struct Description {
  uint64_t num_pairs = 0;
  std::vector<SectionUse> sections;  // one for each section of the member
  std::string facts;                 // JSON object with the codec's own figures
  // The rest is empty unless measured, and where the codec stores nothing of the kind.
  std::vector<double> pair_bits;  // bits of each pair's class map
  MaskClip maps;                  // a map for each pair
  std::vector<PairColumn> columns;
};

struct PackOptions {
  int level = 3;                             // MaskOptions::level
  FrameSize frame_size = kContestFrameSize;  // of the member
};

// A zip of one stored member named "p": 100 bytes more than the member. Equal members give equal bytes.
Result<Bytes> PackZip(std::span<const uint8_t> member);

// The member of a zip with one stored member, by any writer. Every other zip (several members, compressed or encrypted
// ones, unsafe names and every other trick in src/archive/FORMAT.md, "Shell") is an error that names what was found.
Result<Bytes> UnpackZip(std::span<const uint8_t> zip, const Limits& limits);

// An archive with its size and hash.
struct LoadedArchive {
  Member member;
  uint64_t size_bytes = 0;
  std::string sha256;  // of the zip; for a folder, of the zip that PackZip() makes of its member
};
// The codec that reads a member which another program made; 0 for none.
using RecogniseForeign = std::function<CodecId(std::span<const uint8_t> member)>;
// Reads a zip file, or a folder into which such a zip was extracted. A member that ReadMember() refuses but `recognise`
// knows becomes a foreign one.
Result<LoadedArchive> LoadArchive(const std::filesystem::path& zip_or_folder, const Limits& limits,
                                  const RecogniseForeign& recognise = {});

// Extracts every file of any zip into the existing `folder`, as unzip -o does: it makes folders and keeps the
// executable bit. Refuses the tricks in src/archive/FORMAT.md before it writes anything.
Status ExtractZip(const std::filesystem::path& zip, const std::filesystem::path& folder, const Limits& limits);

// A member of any zip.
struct ZipMember {
  std::string name;     // untrusted: show it through Quoted()
  uint16_t method = 0;  // 0 stored, 8 Deflate
  uint64_t packed_bytes = 0, size_bytes = 0;
  uint32_t crc = 0;
  std::string sha256;  // of its contents; empty when this build cannot decompress it
};

struct ZipListing {
  uint64_t size_bytes = 0;  // of the zip
  std::string sha256;
  std::vector<ZipMember> members;
};

// Lists the members of any zip. Refuses what ExtractZip refuses, and damaged members.
Result<ZipListing> ListZip(const std::filesystem::path& path, const Limits& limits);

}  // namespace kitsink
