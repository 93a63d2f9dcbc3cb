// Makes the fuzzers' seeds: small valid inputs that use every feature of their format, made from integers only.

#include "archive/check_byte.h"
#include "archive/zip_testlib.h"
#include "codecs/search/scene_testlib.h"
#include "fuzz/fuzz_targets.h"
#include "kitsink/archive.h"
#include "kitsink/report.h"

namespace kitsink::fuzz {
namespace {

using namespace search;

using testing::Random;

Bytes BytesOf(std::string_view text) { return Bytes(text.begin(), text.end()); }

Bytes TensorFileOf(std::string_view header, std::string_view data) {
  ByteWriter writer;
  writer.U64(header.size());
  writer.Append(BytesOf(header));
  writer.Append(BytesOf(data));
  return writer.Take();
}

// A ground plane that moves towards the camera below a horizon, with noise pixels.
MaskClip SmallClip(uint32_t width, uint32_t height, uint32_t count, uint32_t classes, uint64_t seed) {
  Random random(seed);
  MaskClip clip{width, height, count, classes, {}};
  for (uint32_t t = 0; t < count; ++t) {
    for (uint32_t y = 0; y < height; ++y) {
      for (uint32_t x = 0; x < width; ++x) {
        const uint32_t road = 2 * y > height && (x + t) % width > height - y ? 1U : 0U;
        clip.ids.push_back(static_cast<uint8_t>(random.Below(40) == 0 ? random.Below(classes) : road));
      }
    }
  }
  return clip;
}

}  // namespace

std::vector<Bytes> MaskSeeds() {
  std::vector<Bytes> seeds;
  for (int level = 1; level <= kCtwLevel; ++level) {
    for (const MaskClip& clip : {SmallClip(16, 12, 2, 5, 1), SmallClip(90, 3, 1, 16, 2), SmallClip(3, 20, 4, 2, 3)}) {
      seeds.push_back(EncodeMask(clip, {level}, Limits{}, SilentProgress()).value());
    }
  }
  // Noise is stored.
  MaskClip noise = SmallClip(9, 7, 2, 3, 4);
  Random random(5);
  for (uint8_t& id : noise.ids) id = static_cast<uint8_t>(random.Below(3));
  seeds.push_back(EncodeMask(noise, {1}, Limits{}, SilentProgress()).value());
  return seeds;
}

std::vector<Bytes> MapsSeeds() {
  std::vector<Bytes> seeds;
  for (uint8_t level = 0; level < kCtwLevel; ++level) {
    Bytes seed = {15, 3, level, 11};  // 16 pixels a row, 5 classes, 12 rows
    const MaskClip clip = SmallClip(16, 12, 2, 5, level);
    seed.insert(seed.end(), clip.ids.begin(), clip.ids.end());
    seeds.push_back(std::move(seed));
  }
  return seeds;
}

std::vector<Bytes> WeightsSeeds() {
  std::vector<Bytes> seeds;
  for (const GeneratorShape& shape : {testing::TinyShape(), GeneratorShape{2, 1, 2, 2, 1, 2, 1}}) {
    seeds.push_back(EncodeWeights(testing::RandomWeights(shape, 1), Limits{}).value());
  }
  WeightSet zeros = testing::RandomWeights(testing::TinyShape(), 2);
  for (QuantizedTensor& tensor : zeros.tensors) {
    std::ranges::fill(tensor.codes, uint8_t{0});
    std::ranges::fill(tensor.halves, uint16_t{0});
  }
  seeds.push_back(EncodeWeights(zeros, Limits{}).value());
  return seeds;
}

std::vector<Bytes> PoseSeeds() {
  std::vector<Bytes> seeds;
  for (const uint32_t bound : {1U, 100U, 1U << 20}) {
    Random random(bound);
    Track track;
    track.num_rows = 9;
    track.num_columns = 3;
    for (int i = 0; i < 27; ++i) {
      track.values.push_back(static_cast<int32_t>(random.Below(2 * bound)) - static_cast<int32_t>(bound));
    }
    seeds.push_back(EncodeTrack(track, Limits{}).value());
  }
  Track bytes{TrackKind::kHalfAndBytes, 6, 2, {}, 256, {-0.5F}, {0.125F}};
  for (int row = 0; row < 6; ++row) {
    bytes.values.push_back(0x4f00 + row * row);
    bytes.values.push_back(row * 40);
  }
  seeds.push_back(EncodeTrack(bytes, Limits{}).value());
  return seeds;
}

std::vector<Bytes> SelectorsSeeds() {
  SelectorTable table = testing::SmallScene(1).selectors;
  std::vector<Bytes> seeds = {EncodeSelectors(table).value(), {}};
  for (const Tail& tail : table.tails) seeds.push_back(EncodeSelectors({{tail}}).value());
  return seeds;
}

std::vector<Bytes> ArchiveSeeds() {
  std::vector<Bytes> seeds;
  Scene scene = testing::SmallScene(1);
  for (const FrameSize size : {kContestFrameSize, FrameSize{64, 48}}) {
    scene.frame_size = size;
    seeds.push_back(testing::EncodeMember(scene, 1).value());
    scene.selectors.tails.clear();
  }
  Member member;
  member.codec = 2;
  member.sections = {{1, 2}, {}, {3}};
  seeds.push_back(WriteMember(member, Limits{}).value());
  member.frame_size = {64, 48};
  seeds.push_back(WriteMember(member, Limits{}).value());
  return seeds;
}

std::vector<Bytes> ZipSeeds() {
  using testing::ForgedEntry;
  using testing::ForgedZip;
  constexpr uint32_t kProgram = 0100755, kLink = 0120777;
  // Deflate's empty stream.
  const ForgedEntry deflated{
      .name = "d", .data = {3, 0}, .method = 8, .crc = 0, .size_bytes = 0, .local_size_bytes = 0};
  // As zip writes what it reads from stdin.
  const ForgedEntry streamed{.flags = 1 << 3,
                             .local_crc = 0,
                             .local_packed_bytes = UINT32_MAX,
                             .local_size_bytes = UINT32_MAX,
                             .local_extra = testing::Zip64Extra({0, 0}),
                             .behind = testing::FollowingRecord(true, true, Crc32(ForgedEntry{}.data, 0), 3, 3)};
  // Info-ZIP's Unicode path: version, checksum of the other name, name.
  const Bytes second_name = {0x75, 0x70, 6, 0, 1, 0, 0, 0, 0, 'q'};
  return {
      PackZip(BytesOf("member")).value(),
      PackZip({}).value(),
      ForgedZip{.entries = {{.name = "a/", .data = {}}, {.name = "a/b", .mode = kProgram}, {.name = "c"}}}.Build(),
      ForgedZip{.entries = {{.name = "a/../p"}}}.Build(),
      ForgedZip{.entries = {{.name = "p", .mode = kLink}}}.Build(),
      ForgedZip{.entries = {{.name = "p", .extra = second_name}}}.Build(),
      ForgedZip{.entries = {deflated}}.Build(),
      ForgedZip{.entries = {{.name = "p"}, {.name = "./p"}}, .comment = "x"}.Build(),
      ForgedZip{.entries = {}}.Build(),
      ForgedZip{.entries = {streamed}, .before_end = testing::Zip64End(78)}.Build(),
  };
}

std::vector<Bytes> TensorsSeeds() {
  const Member member = EncodeScene(testing::SmallScene(1), 1, CodingContext()).value();
  TensorFile file;
  file.metadata["codec"] = "search";
  file.tensors["a"] = MakeTensor({2, 1}, std::array<float, 2>{1, 2});
  file.tensors["b"] = MakeTensor({}, std::array<uint8_t, 1>{3});
  file.tensors["empty"] = MakeTensor({0, 4}, std::span<const int32_t>());
  return {
      WriteTensors(file),
      WriteTensors(Unpack(member, CodingContext()).value()),
      StrictTensorsSeed(),
      HnervTensorsSeed(),
      TensorFileOf(R"({"__metadata__":{"format":"pt"},"n":{"dtype":"I64","shape":[],"data_offsets":[0,8]}})",
                   "12345678"),
  };
}

std::vector<Bytes> ManifestSeeds() {
  return {
      BytesOf(R"({"tool":"kitsink 0.1.0","archive":{"path":"a.zip","bytes":950,"sha256":"00ff"},)"
              R"("raw":{"bytes":3052008,"frames":1}})"),
      BytesOf(R"({"archive":{"path":"","sha256":""},"raw":{"bytes":0},"x":[1,-2.5e3,null,true,"\u00e9\n"]})"),
  };
}

std::vector<Bytes> LedgerSeeds() {
  LedgerRecord record = {"2026-11-21T15:04:05Z", "kitsink 0.1.0", "note", {}};
  record.score.score = {.seg = 0.2, .pose = 0.004, .archive_bytes = 5000, .original_bytes = 37545489};
  record.score.upstream = record.score.score;
  record.score.num_pairs = record.score.total_pairs = 2;
  record.score.made = R"({"inflate":{"options":{"steps":300}}})";
  const std::string first = FormatLedgerRecord(record);
  record.score.score.archive_bytes = 4000;
  record.score.upstream = record.score.score;
  record.note = "<&>\x1b[2J";
  return {BytesOf(first + "\n"), BytesOf(first + "\n" + FormatLedgerRecord(record) + "\n")};
}

}  // namespace kitsink::fuzz
