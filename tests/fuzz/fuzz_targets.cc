// Feeds bytes to each parser and aborts when the parser breaks its promise.

#include "fuzz/fuzz_targets.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <filesystem>

#include "archive/check_byte.h"
#include "archive/shell.h"
#include "archive/zip_directory.h"
#include "codecs/hnerv/scene.h"
#include "codecs/search/scene.h"
#include "codecs/strict/scene.h"
#include "fuzz/fuzz_checks.h"
#include "kitsink/archive.h"
#include "kitsink/codec.h"
#include "kitsink/file.h"
#include "kitsink/hash.h"
#include "kitsink/manifest.h"
#include "kitsink/page.h"
#include "kitsink/report.h"
#include "kitsink/tensors.h"
#include "mask/head.h"
#include "testlib.h"

namespace kitsink::fuzz {
namespace {

using namespace search;

// Decodes a stream that ends with a 16-bit checksum, after correcting the checksum if necessary.
template <typename Decode>
auto DecodeChecked(Bytes& stream, const Decode& decode) {
  auto value = decode(stream);
  if (value.ok()) return value;
  ExpectDecent(value.error());
  const std::optional<uint32_t> checksum = ComputedChecksum(value.error());
  if (!checksum.has_value()) return value;
  Patch(stream, stream.size() - 2, *checksum, 2);
  value = decode(stream);
  KIT_CHECK(value.ok());
  return value;
}

bool IsPlainFolderOf(const std::filesystem::path& folder, const std::filesystem::path& only) {
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path() != only || !entry.is_directory() || entry.is_symlink()) return false;
  }
  return true;
}

}  // namespace

void Mask(std::span<const uint8_t> bytes) {
  Bytes stream(bytes.begin(), bytes.end());
  if (stream.size() >= kMaskHeadBytes) Patch(stream, 14, Crc16(std::span(stream).first(14)), 2);
  const Limits limits = SmallLimits();
  const Result<MaskInfo> info = ReadMaskInfo(stream, limits);
  Result<MaskClip> clip = DecodeMask(stream, 1, limits, SilentProgress());
  KIT_CHECK(info.ok() || !clip.ok());
  if (!clip.ok()) {
    ExpectDecent(clip.error());
    const std::optional<uint32_t> checksum = ComputedChecksum(clip.error());
    if (!checksum.has_value()) return;
    Patch(stream, 10, *checksum, 4);
    Patch(stream, 14, Crc16(std::span(stream).first(14)), 2);
    clip = DecodeMask(stream, 1, limits, SilentProgress());
    if (!clip.ok()) return ExpectDecent(clip.error());
  }
  KIT_CHECK(clip.value().ids.size() == clip.value().count * clip.value().map_bytes());
}

void Maps(std::span<const uint8_t> bytes) {
  if (bytes.size() < 5) return;
  MaskClip clip;
  clip.width = 1 + bytes[0] % 96U;
  clip.num_classes = 2 + bytes[1] % 15U;
  const MaskOptions options{1 + bytes[2] % kCtwLevel};
  const std::span<const uint8_t> ids = bytes.subspan(4);
  clip.height = 1 + bytes[3] % std::clamp<uint32_t>(static_cast<uint32_t>(ids.size()) / clip.width, 1, 48);
  clip.count = std::max<uint32_t>(1, static_cast<uint32_t>(std::min<size_t>(ids.size() / clip.map_bytes(), 8)));
  for (size_t i = 0; i < clip.count * clip.map_bytes(); ++i) {
    clip.ids.push_back(static_cast<uint8_t>(ids[i % ids.size()] % clip.num_classes));
  }
  const Result<Bytes> stream = EncodeMask(clip, options, Limits{}, SilentProgress());
  KIT_CHECK(stream.ok() && DecodeMask(stream.value(), 1, Limits{}, SilentProgress()).value() == clip);
}

void Pose(std::span<const uint8_t> bytes) {
  const Limits limits = SmallLimits();
  Bytes stream(bytes.begin(), bytes.end());
  const Result<Track> track = DecodeChecked(stream, [&](const Bytes& s) { return DecodeTrack(s, limits); });
  if (!track.ok()) return;
  // In version 2 the encoder chooses anchor and predictor, so only the values must be equal.
  const Result<Bytes> again = EncodeTrack(track.value(), limits);
  KIT_CHECK(again.ok());
  KIT_CHECK(DecodeTrack(again.value(), limits).value() == track.value());
  if (track.value().kind == TrackKind::kHalfAndBytes) KIT_CHECK(stream == again.value());
}

void Weights(std::span<const uint8_t> bytes) {
  const Limits limits = SmallLimits();
  Bytes stream(bytes.begin(), bytes.end());
  const Result<WeightSet> weights = DecodeChecked(stream, [&](const Bytes& s) { return DecodeWeights(s, limits); });
  if (!weights.ok()) return;
  const Result<Bytes> again = EncodeWeights(weights.value(), limits);
  KIT_CHECK(again.ok() && stream == again.value());
}

void Selectors(std::span<const uint8_t> bytes) {
  const Result<SelectorTable> table = DecodeSelectors(bytes, SmallLimits());
  if (!table.ok()) return ExpectDecent(table.error());
  const Result<Bytes> again = EncodeSelectors(table.value());
  KIT_CHECK(again.ok() && Bytes(bytes.begin(), bytes.end()) == again.value());
}

void Header(std::span<const uint8_t> bytes) {
  const Bytes member_bytes = Rechecked(bytes);
  const Result<Member> member = ReadMember(member_bytes, SmallLimits());
  if (!member.ok()) return ExpectDecent(member.error());
  const Result<Bytes> again = WriteMember(member.value(), SmallLimits());
  KIT_CHECK(again.ok() && again.value() == member_bytes);
}

void Archive(std::span<const uint8_t> bytes) {
  const CodingContext context{SmallLimits()};
  const Result<Member> member = ReadMember(Rechecked(bytes), context.limits);
  if (!member.ok()) return ExpectDecent(member.error());
  if (member.value().codec != kCodecId) return;
  const Result<Scene> scene = DecodeScene(member.value(), context);
  if (!scene.ok()) return ExpectDecent(scene.error());
  const Result<Member> again = EncodeScene(scene.value(), 1, context);
  KIT_CHECK(again.ok() && DecodeScene(again.value(), context).value() == scene.value());
  const TensorFile file = Unpack(member.value(), context).value();
  Member packed = Pack(file, {1}, context).value();
  packed.frame_size = again.value().frame_size;
  KIT_CHECK(packed == again.value());
}

void Zip(std::span<const uint8_t> bytes) {
  const Limits limits = SmallLimits();
  const Result<std::vector<ZipEntry>> entries = ReadZipDirectory(bytes, limits);
  const Result<Bytes> member = UnpackZip(bytes, limits);
  if (!member.ok()) ExpectDecent(member.error());
  if (!entries.ok()) {
    KIT_CHECK(!member.ok());
    return ExpectDecent(entries.error());
  }
  const testing::TemporaryFolder work;
  const std::filesystem::path zip = work / "zip", folder = work / "folder";
  KIT_CHECK(WriteFile(zip, bytes, Overwrite::kRefuse).ok());
  std::filesystem::create_directory(folder);
  const Result<ZipListing> listing = ListZip(zip, limits);
  if (!listing.ok()) ExpectDecent(listing.error());
  KIT_CHECK(listing.ok() || !member.ok());
  const Status extracted = ExtractZip(zip, folder, limits);
  std::filesystem::remove(zip);
  KIT_CHECK(IsPlainFolderOf(work.path(), folder));
  uint64_t total_bytes = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    KIT_CHECK(!entry.is_symlink() && (entry.is_directory() || entry.is_regular_file()));
    if (entry.is_regular_file()) total_bytes += entry.file_size();
  }
  KIT_CHECK(total_bytes <= limits.max_extracted_bytes);
  // The file system may refuse a name, for example one that is too long.
  if (!extracted.ok() && extracted.error().code != Code::kIo) ExpectDecent(extracted.error());
  if (member.ok() && extracted.ok()) KIT_CHECK(LoadShell(folder, limits).value().member == member.value());
}

void Tensors(std::span<const uint8_t> bytes) {
  const Result<TensorFile> file = ReadTensors(bytes);
  if (!file.ok()) return ExpectDecent(file.error());
  const Result<TensorFile> again = ReadTensors(WriteTensors(file.value()));
  KIT_CHECK(again.ok() && again.value() == file.value());
  const CodingContext context{SmallLimits()};
  using Codec = std::pair<decltype(CodecFormat::pack), decltype(CodecFormat::unpack)>;
  for (const auto& [pack, unpack] :
       {Codec{search::Pack, nullptr}, {strict::Pack, strict::Unpack}, {hnerv::Pack, hnerv::Unpack}}) {
    const Result<Member> member = pack(file.value(), {1}, context);
    if (!member.ok()) KIT_CHECK(member.error().code == Code::kInvalidArgument || member.error().code == Code::kLimit);
    if (!member.ok() || unpack == nullptr) continue;
    // A selector of zeros and usual dilations may be missing, so the bytes are compared.
    const TensorFile unpacked = unpack(member.value(), context).value();
    KIT_CHECK(pack(unpacked, {1}, context).value() == member.value());
  }
}

void Manifest(std::span<const uint8_t> bytes) {
  const Result<RawManifest> manifest = ReadRawManifest(bytes);
  if (!manifest.ok()) ExpectDecent(manifest.error());
}

// Checks that records are unchanged after they are written and read, and that they can be compared and printed.
void Ledger(std::span<const uint8_t> bytes) {
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  const Result<std::vector<LedgerRecord>> records = ParseLedger(text, "ledger");
  if (!records.ok()) {
    KIT_CHECK(records.error().message.starts_with("ledger:"));
    return ExpectDecent(records.error());
  }
  std::string again;
  for (const LedgerRecord& record : records.value()) again += FormatLedgerRecord(record) + "\n";
  const Result<std::vector<LedgerRecord>> reread = ParseLedger(again, "ledger");
  KIT_CHECK(reread.ok() && reread.value().size() == records.value().size());
  KIT_CHECK(FormatLedger(reread.value()) == FormatLedger(records.value()));
  for (const bool best_only : {false, true}) KIT_CHECK(!FormatLedgerJson(records.value(), best_only).empty());
  KIT_CHECK(!FormatBestRuns(records.value()).empty());
  KIT_CHECK(!FormatLedgerPage(records.value(), "ledger").empty());
  FormatVerdict(records.value());
}

const std::vector<Target>& Targets() {
  static const std::vector<Target> targets = {
      {"mask", Mask, MaskSeeds},
      {"maps", Maps, MapsSeeds},
      {"weights", Weights, WeightsSeeds},
      {"pose", Pose, PoseSeeds},
      {"zip", Zip, ZipSeeds},
      {"selectors", Selectors, SelectorsSeeds},
      {"header", Header, ArchiveSeeds},
      {"archive", Archive, ArchiveSeeds},
      {"tensors", Tensors, TensorsSeeds},
      {"table", Table, TableSeeds},
      {"renderer", Renderer, RendererSeeds},
      {"carrier", Carrier, CarrierSeeds},
      {"strict", Strict, StrictSeeds},
      {"foreign", Foreign, ForeignSeeds},
      {"hnerv", Hnerv, HnervSeeds},
      {"video", Video, VideoSeeds},
      {"manifest", Manifest, ManifestSeeds},
      {"ledger", Ledger, LedgerSeeds},
  };
  return targets;
}

}  // namespace kitsink::fuzz
