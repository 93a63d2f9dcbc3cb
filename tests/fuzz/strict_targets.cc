// Fuzz targets of number tables and of codec strict, and their seeds.

#include <algorithm>
#include <cstdlib>

#include "codecs/strict/scene_testlib.h"
#include "fuzz/fuzz_checks.h"
#include "fuzz/fuzz_targets.h"
#include "kitsink/number_table.h"

namespace kitsink::fuzz {
namespace {

using testing::Random;

// A table of at most 24 rows and 8 columns.
TableShape ShapeOf(uint8_t first, uint8_t second) {
  TableShape shape;
  shape.kind = static_cast<TableKind>(first % 3);
  shape.num_columns = 1 + first / 3 % 8U;
  shape.num_rows = 1 + second % 24U;
  if (shape.kind == TableKind::kGrid) shape.grid_width = 1 + second / 24U;
  return shape;
}

strict::Scene TinyScene(uint64_t seed, uint32_t atoms = 2, bool moves = false) {
  return testing::SmallStrictScene({{6, 5}, {64, 48}, 2, 16, {1}, 3, 2, atoms, 2, 3, moves}, seed);
}

const Member& TinyMember() {
  static const Member member = strict::EncodeScene(TinyScene(1), 1, CodingContext()).value();
  return member;
}

// True for a basis that decodes in no time. The shape is coded before everything else in the section.
bool HasSmallBasis(std::span<const uint8_t> section) {
  if (section.size() < 2) return true;
  BinaryDecoder coder(section.subspan(2));
  int version = 1;
  while (coder.Code(0, ~(1U << 26)) == 0) {
    if (++version > 3) return true;
  }
  if (version == 2) return true;                      // no basis
  if (coder.Code(0, ~(1U << 26)) != 0) return false;  // the usual shape takes a second
  uint32_t bits = 0;
  for (int i = 0; i < 6 + 8 + 8; ++i) bits = bits << 1 | static_cast<uint32_t>(coder.Code(0, 1U << 31));
  return (bits >> 16) * (bits >> 8 & 255) * (bits & 255) <= 256;
}

CodingContext SmallContext() {
  CodingContext context{SmallLimits()};
  context.limits.max_pairs = 64;
  return context;
}

// An accepted scene must be encoded, and come back to the bit.
void CheckScene(const strict::Scene& scene, const CodingContext& context) {
  const Result<Member> again = strict::EncodeScene(scene, 1, context);
  KIT_CHECK(again.ok());
  KIT_CHECK(testing::SameBits(strict::DecodeScene(again.value(), context).value(), scene));
  Member packed = strict::Pack(strict::Unpack(again.value(), context).value(), {1}, context).value();
  packed.frame_size = scene.frame_size;
  KIT_CHECK(packed == again.value());
  KIT_CHECK(strict::Describe(again.value(), DescribeDepth::kMeasured, context).ok());
}

void DecodeSection(size_t index, std::span<const uint8_t> bytes) {
  const CodingContext context = SmallContext();
  Member member = TinyMember();
  Bytes& section = member.sections[index];
  section.assign(bytes.begin(), bytes.end());
  Result<strict::Scene> scene = strict::DecodeScene(member, context);
  if (!scene.ok()) {
    ExpectDecent(scene.error());
    const std::optional<uint32_t> checksum = ComputedChecksum(scene.error());
    if (!checksum.has_value()) return;
    Patch(section, 0, *checksum, 2);
    scene = strict::DecodeScene(member, context);
    if (!scene.ok()) {
      KIT_CHECK(!ComputedChecksum(scene.error()).has_value());
      return ExpectDecent(scene.error());
    }
  }
  CheckScene(scene.value(), context);
}

std::vector<Bytes> SectionSeeds(size_t index) {
  std::vector<Bytes> seeds;
  for (uint64_t seed = 1; seed <= 5; ++seed) {
    strict::Scene scene = TinyScene(seed, seed == 4 ? 0 : 2, seed == 5);
    if (seed == 2) {
      scene.carrier.grey = 100;
      scene.selector = {7, 0};
      std::ranges::fill(scene.carrier.coefficients, int16_t{0});
      scene.carrier.basis_scales = {0.3F, -0.0F};
      for (QuantizedTensor& tensor : scene.renderer.tensors) std::ranges::fill(tensor.codes, uint8_t{0});
    }
    if (seed == 3) {
      std::ranges::fill(scene.carrier.basis, int8_t{127});
      std::ranges::fill(scene.carrier.coefficients, int16_t{32767});
      for (QuantizedTensor& tensor : scene.renderer.tensors) {
        std::ranges::fill(tensor.scales, uint16_t{0x7bff});
        std::ranges::fill(tensor.halves, uint16_t{0x8000});
      }
    }
    seeds.push_back(strict::EncodeScene(scene, 1, CodingContext()).value().sections[index]);
  }
  return seeds;
}

}  // namespace

void Table(std::span<const uint8_t> bytes) {
  if (bytes.size() < 2) return;
  const TableShape shape = ShapeOf(bytes[0], bytes[1]);
  BinaryDecoder coder(bytes.subspan(2));
  std::vector<double> bits(shape.num_columns);
  const std::vector<int32_t> values = DecodeTable(coder, shape, bits);
  KIT_CHECK(values.size() == shape.num_values());
  for (const int32_t value : values) {
    const bool half = shape.kind == TableKind::kHalves;
    KIT_CHECK(half ? value >= 0 && value <= 0xffff : std::abs(value) <= kMaxTableInteger);
  }
  BinaryEncoder encoder;
  EncodeTable(encoder, shape, values);
  const Bytes again = encoder.Finish();
  BinaryDecoder decoder(again);
  KIT_CHECK(DecodeTable(decoder, shape, {}) == values && decoder.at_end());
}

void Renderer(std::span<const uint8_t> bytes) { DecodeSection(1, bytes); }

void Carrier(std::span<const uint8_t> bytes) {
  if (HasSmallBasis(bytes)) DecodeSection(2, bytes);
}

void Strict(std::span<const uint8_t> bytes) {
  const CodingContext context = SmallContext();
  const Result<Member> member = ReadMember(Rechecked(bytes), context.limits);
  if (!member.ok()) return ExpectDecent(member.error());
  if (member.value().codec != strict::kCodecId) return;
  if (member.value().sections.size() == 3 && !HasSmallBasis(member.value().sections[2])) return;
  const Result<Description> quick = strict::Describe(member.value(), DescribeDepth::kQuick, context);
  const Result<strict::Scene> scene = strict::DecodeScene(member.value(), context);
  KIT_CHECK(quick.ok() || !scene.ok());
  if (!scene.ok()) return ExpectDecent(scene.error());
  CheckScene(scene.value(), context);
}

std::vector<Bytes> TableSeeds() {
  std::vector<Bytes> seeds;
  for (uint8_t first = 0; first < 24; first = static_cast<uint8_t>(first + 5)) {
    const uint8_t second = static_cast<uint8_t>(first * 10 + 7);
    const TableShape shape = ShapeOf(first, second);
    Random random(first);
    std::vector<int32_t> values(shape.num_values());
    for (int32_t& value : values) {
      value = shape.kind == TableKind::kHalves ? static_cast<int32_t>(random.Below(0x7c00) | random.Below(2) << 15)
                                               : static_cast<int32_t>(random.Below(1U << (first % 20 + 1))) - first;
    }
    BinaryEncoder coder;
    EncodeTable(coder, shape, values);
    Bytes seed = {first, second};
    const Bytes code = coder.Finish();
    seed.insert(seed.end(), code.begin(), code.end());
    seeds.push_back(std::move(seed));
  }
  return seeds;
}

std::vector<Bytes> RendererSeeds() { return SectionSeeds(1); }
std::vector<Bytes> CarrierSeeds() { return SectionSeeds(2); }

std::vector<Bytes> StrictSeeds() {
  std::vector<Bytes> seeds;
  for (const FrameSize size : {kContestFrameSize, FrameSize{64, 48}}) {
    Member member = TinyMember();
    member.frame_size = size;
    seeds.push_back(WriteMember(member, Limits{}).value());
  }
  return seeds;
}

Bytes StrictTensorsSeed() {
  TensorFile file = strict::Unpack(TinyMember(), CodingContext()).value();
  file.metadata["codec"] = "strict";
  return WriteTensors(file);
}

}  // namespace kitsink::fuzz
