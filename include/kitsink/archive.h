#pragma once
// An archive: a zip, or the folder it was extracted to, with one member; and the member's parts (FORMAT.md).

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "kitsink/bytes.h"
#include "kitsink/frame.h"
#include "kitsink/limits.h"
#include "kitsink/result.h"

namespace kitsink {

// Number of a codec, 1 .. 15. Each codec's folder names its own.
using CodecId = uint8_t;
inline constexpr CodecId kMaxCodecId = 15;
inline constexpr CodecId kVersion1Codec = 1;  // the one codec of format version 1; it has no other version

inline constexpr size_t kMaxSections = 8;

// What an archive stores, before a codec decodes it: the waist between bytes and pictures.
struct Member {
  CodecId codec = 0;
  FrameSize frame_size = kContestFrameSize;  // of the frames to write, 1 .. Limits::max_dimension each way
  uint8_t flags = 0;                         // the codec's own, in version 1 only: see kCodecFlags
  std::vector<Bytes> sections;               // 1 .. kMaxSections; version 1 has four
  bool operator==(const Member&) const = default;
};
inline constexpr uint8_t kCodecFlags = 1 << 1;  // bits of version 1's flag byte that belong to the codec

// Header and sections. kInvalidArgument for a member that breaks the rules above, kLimit for one that is too large.
Result<Bytes> WriteMember(const Member& member, const Limits& limits);
// Verifies header, lengths and the check byte.
Result<Member> ReadMember(std::span<const uint8_t> bytes, const Limits& limits);
// What the header takes. REQUIRES: WriteMember() accepts the member.
uint64_t HeaderBytes(const Member& member);
// The format version that a member is written with, 1 or 2.
int FormatVersion(const Member& member);

// What one section's bytes are spent on.
struct SectionUse {
  std::string name;   // "m"
  std::string title;  // "class maps"
  uint64_t size_bytes = 0;
  std::string what;               // for people: "600 class maps of 512 x 384, ..."
  std::vector<StreamPart> parts;  // whose bits add up to the section's; empty when nobody measured them
};

enum class DescribeDepth {
  kQuick,     // what takes no time to decode
  kWhole,     // every section is decoded to its last integer
  kMeasured,  // the same, and every part's bits are measured
};

// What a member holds.
struct Description {
  uint64_t num_pairs = 0;
  std::vector<SectionUse> sections;  // one for each of the member's
  std::vector<double> pair_bits;     // what each pair's class map costs; only when measured
  std::string facts;                 // a JSON object with the codec's own figures
};

struct PackOptions {
  int level = 3;  // 1 fast .. 3 smallest
};

// A zip of one stored member named "p": member + 100 bytes, equal bytes for equal members.
Result<Bytes> PackZip(std::span<const uint8_t> member);

// The one member of such a zip by any writer. Anything else (several members, compressed or encrypted ones, unsafe
// names and every other trick of FORMAT.md, "Shell") is an error that names what was found.
Result<Bytes> UnpackZip(std::span<const uint8_t> zip, const Limits& limits);

// An archive with what names it.
struct LoadedArchive {
  Member member;
  uint64_t size_bytes = 0;
  std::string sha256;  // of the zip; for a folder, of the zip that our writer makes of its member
};
// From a zip file, or from a folder into which such a zip was extracted.
Result<LoadedArchive> LoadArchive(const std::filesystem::path& zip_or_folder, const Limits& limits);

// Extracts every file of any zip into `folder`, which exists, as unzip -o does: folders are made, a file's right to be
// run is kept. Tricks are refused before anything is written.
Status ExtractZip(const std::filesystem::path& zip, const std::filesystem::path& folder, const Limits& limits);

// A member of any zip.
struct ZipMember {
  std::string name;     // of unknown origin: Quoted() before it is shown
  uint16_t method = 0;  // 0 stored, 8 Deflate
  uint64_t packed_bytes = 0, size_bytes = 0;
  uint32_t crc = 0;
  std::string sha256;  // of its contents; empty when this build cannot unfold it
};

struct ZipListing {
  uint64_t size_bytes = 0;  // of the zip
  std::string sha256;
  std::vector<ZipMember> members;
};

// What any zip holds; refuses what ExtractZip refuses, and members that are damaged.
Result<ZipListing> ListZip(const std::filesystem::path& path, const Limits& limits);

}  // namespace kitsink
