// Codec strict's sections: round trip, edges, lengths, known bytes, rejection.

#include <algorithm>
#include <array>
#include <bit>
#include <chrono>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <thread>

#include "archive/check_byte.h"
#include "codecs/strict/scene_testlib.h"
#include "format_testlib.h"
#include "kitsink/hash.h"

namespace kitsink::strict {
namespace {

using testing::Must;
using testing::Random;
using testing::SameBits;
using testing::SmallStrictScene;
using testing::StrictSizes;

Member Encode(const Scene& scene, int level = 1) { return Must(EncodeScene(scene, level, CodingContext())); }

// Through the header's bytes and back.
Result<Scene> Decode(const Member& member, const CodingContext& context = {}) {
  KIT_ASSIGN(const Bytes bytes, WriteMember(member, context.limits));
  KIT_ASSIGN(const Member reread, ReadMember(bytes, context.limits));
  EXPECT_TRUE(reread == member);
  return DecodeScene(reread, context);
}

void ExpectSurvives(const Scene& scene, const std::string& what) {
  SCOPED_TRACE(what);
  const Result<Member> member = EncodeScene(scene, 1, CodingContext());
  ASSERT_TRUE(member.ok()) << member.error().message;
  const Result<Scene> decoded = Decode(member.value());
  ASSERT_TRUE(decoded.ok()) << decoded.error().message;
  EXPECT_TRUE(SameBits(decoded.value(), scene));
}

StrictSizes UsualSizes() {
  StrictSizes sizes;
  sizes.width = 96;
  sizes.dilations = UsualDilations(4);
  sizes.atoms = 12;
  sizes.grid_height = 24;
  sizes.grid_width = 32;
  return sizes;
}

StrictSizes TinySizes() {
  StrictSizes sizes;
  sizes.map = {16, 12};
  sizes.pairs = 2;
  sizes.dilations = {1};
  sizes.atoms = 2;
  sizes.grid_height = sizes.grid_width = 3;
  return sizes;
}

TEST(StrictScene, UsualAndUnusualShapesSurvive) {
  ExpectSurvives(SmallStrictScene(UsualSizes(), 1), "usual");
  ExpectSurvives(SmallStrictScene({}, 2), "small");
  const std::vector<std::pair<const char*, void (*)(StrictSizes&)>> changes = {
      {"width 16, as many classes as can be", [](StrictSizes& s) { s.classes = 16; }},
      {"two classes", [](StrictSizes& s) { s.classes = 2; }},
      {"width 128", [](StrictSizes& s) { s.width = 128; }},
      {"eight blocks", [](StrictSizes& s) { s.dilations = {1, 16, 2, 3, 1, 5, 1, 4}; }},
      {"eight usual blocks", [](StrictSizes& s) { s.dilations = UsualDilations(8); }},
      {"usual width with two blocks",
       [](StrictSizes& s) {
         s.width = 96, s.dilations = {1, 1};
       }},
      {"1 column of frame_embed", [](StrictSizes& s) { s.frame_dims = 1; }},
      {"64 columns of frame_embed", [](StrictSizes& s) { s.frame_dims = 64; }},
      {"motions", [](StrictSizes& s) { s.atoms = 0; }},
      {"motions and atoms", [](StrictSizes& s) { s.moves = true; }},
      {"motions and 32 atoms", [](StrictSizes& s) { s.moves = true, s.atoms = 32; }},
      {"one atom of one pixel", [](StrictSizes& s) { s.atoms = s.grid_height = s.grid_width = 1; }},
      {"32 atoms", [](StrictSizes& s) { s.atoms = 32; }},
      {"a grid of one line", [](StrictSizes& s) { s.grid_height = 1, s.grid_width = 128; }},
      {"a grid of one column", [](StrictSizes& s) { s.grid_height = 128, s.grid_width = 1; }},
      {"one pair", [](StrictSizes& s) { s.pairs = 1; }},
      {"many pairs",
       [](StrictSizes& s) {
         s.pairs = 300, s.map = {3, 2};
       }},
      {"one pixel",
       [](StrictSizes& s) {
         s.map = {1, 1}, s.frame = {1, 1};
       }},
      {"the contest's frames", [](StrictSizes& s) { s.frame = kContestFrameSize; }},
      {"large frames",
       [](StrictSizes& s) {
         s.frame = {4096, 1};
       }},
  };
  uint64_t seed = 10;
  for (const auto& [name, change] : changes) {
    StrictSizes sizes = TinySizes();
    change(sizes);
    ExpectSurvives(SmallStrictScene(sizes, ++seed), name);
  }
}

TEST(StrictScene, EdgesOfTheCarrierSurvive) {
  using Limit = std::numeric_limits<float>;
  const Scene scene = SmallStrictScene(TinySizes(), 3);
  const auto survives = [&scene](const char* name, const auto& change) {
    Scene changed = scene;
    change(changed);
    ExpectSurvives(changed, name);
  };
  survives("other levels", [](Scene& s) { s.carrier.grey = 100, s.carrier.amplitude = 0.3F; });
  survives("only another grey", [](Scene& s) { s.carrier.grey = -0.0F; });
  survives("only another amplitude", [](Scene& s) { s.carrier.amplitude = -Limit::max(); });
  for (const float scale : {0.0F, -0.0F, 1.0F, -0.3F, Limit::max(), Limit::denorm_min(), -Limit::min()}) {
    survives("one scale", [scale](Scene& s) { s.carrier.basis_scales[1] = scale; });
    survives("all scales", [scale](Scene& s) {
      std::ranges::fill(s.carrier.basis_scales, scale);
      std::ranges::fill(s.carrier.coefficient_scales, scale);
    });
  }
  for (const int code : {0, 127, -128, 64}) {
    survives("basis", [code](Scene& s) { std::ranges::fill(s.carrier.basis, static_cast<int8_t>(code)); });
  }
  for (const int code : {0, 32767, -32768, 4096}) {
    survives("coefficients",
             [code](Scene& s) { std::ranges::fill(s.carrier.coefficients, static_cast<int16_t>(code)); });
  }
  for (uint8_t mode = 0; mode < 8; ++mode) {
    survives("selector", [mode](Scene& s) { std::ranges::fill(s.selector, mode); });
  }
  survives("all of it", [](Scene& s) {
    std::ranges::fill(s.carrier.basis, int8_t{127});
    std::ranges::fill(s.carrier.coefficients, int16_t{32767});
    s.carrier.grey = 0;
  });
}

TEST(StrictScene, EdgesOfMotionsSurvive) {
  StrictSizes sizes = TinySizes();
  sizes.moves = true;
  Scene scene = SmallStrictScene(sizes, 12);
  std::ranges::fill(scene.carrier.coefficients, static_cast<int16_t>(-32768));
  ExpectSurvives(scene, "motions and atoms");
  sizes.atoms = 0;
  scene = SmallStrictScene(sizes, 13);
  for (const int code : {0, 32767, -32768, 4096}) {
    std::ranges::fill(scene.carrier.coefficients, static_cast<int16_t>(code));
    ExpectSurvives(scene, "motions");
  }
  std::ranges::fill(scene.selector, uint8_t{5});
  ExpectSurvives(scene, "selector of motions");
}

TEST(StrictScene, EdgesOfTheRendererSurvive) {
  const Scene scene = SmallStrictScene(TinySizes(), 4);
  for (const uint16_t half : std::initializer_list<uint16_t>{0, 0x8000, 1, 0x7bff, 0xfbff, 0x3c00}) {
    for (const int code : {0, 7, -7}) {
      Scene changed = scene;
      for (QuantizedTensor& tensor : changed.renderer.tensors) {
        std::ranges::fill(tensor.codes, static_cast<uint8_t>(code));
        std::ranges::fill(tensor.scales, half);
        std::ranges::fill(tensor.halves, half);
      }
      ExpectSurvives(changed, "halves " + std::to_string(half) + ", codes " + std::to_string(code));
    }
  }
}

// The pre-image is a flag of the renderer's section. Scenes without it have the bytes that they always had (Golden).
TEST(StrictScene, ThePreimageSurvives) {
  StrictSizes sizes = TinySizes();
  sizes.map = kModelGrid;
  sizes.frame = {1024, 768};
  Scene scene = SmallStrictScene(sizes, 21);
  const Member enlarged = Encode(scene);
  scene.renderer.preimage = true;
  const Member member = Encode(scene);
  EXPECT_LE(member.sections[1].size(), enlarged.sections[1].size() + 2);
  EXPECT_TRUE(SameBits(Decode(member).value(), scene));
  EXPECT_NE(Describe(member, DescribeDepth::kQuick, CodingContext()).value().facts.find("\"preimage\": true"),
            std::string::npos);
  // Neither a small frame nor other maps have one.
  Member small = member;
  small.frame_size = {1023, 768};
  ASSERT_FALSE(Decode(small).ok());
  EXPECT_EQ(Decode(small).error().message,
            "renderer: a pre-image needs maps of 512 x 384 and frames at least twice as large, got 512 x 384 and "
            "1023 x 768");
  EXPECT_EQ(Decode(small).error().code, Code::kCorrupt);
  sizes = TinySizes();
  scene = SmallStrictScene(sizes, 21);
  scene.renderer.preimage = true;
  EXPECT_EQ(EncodeScene(scene, 1, CodingContext()).error().code, Code::kInvalidArgument);
}

TEST(StrictScene, BytesDoNotDependOnThreads) {
  const Scene scene = SmallStrictScene({}, 5);
  for (const int level : {1, 2, 3}) {
    const Member member = Encode(scene, level);
    EXPECT_TRUE(Must(EncodeScene(scene, level, {Limits(), 3})) == member);
    EXPECT_TRUE(SameBits(Must(DecodeScene(member, {Limits(), 3})), scene));
    EXPECT_EQ(member.sections.size(), 3U);
    EXPECT_EQ(member.codec, kCodecId);
    EXPECT_EQ(FormatVersion(member), 2);
  }
}

// What is usual costs next to nothing.
TEST(StrictScene, UsualNumbersTakeNoBytes) {
  StrictSizes sizes = TinySizes();
  const auto bytes = [](const Scene& scene, size_t section) { return Encode(scene).sections[section].size(); };
  Scene scene = SmallStrictScene(sizes, 6);
  const size_t plain = bytes(scene, 2);
  scene.carrier.amplitude = 65;
  EXPECT_GE(bytes(scene, 2), plain + 8);
  scene = SmallStrictScene(sizes, 6);
  scene.selector.assign(2, 0);
  EXPECT_LE(bytes(scene, 2), plain);
  // Scales that are powers of two are flags and exponents.
  scene.carrier.basis_scales = scene.carrier.coefficient_scales = {0.3F, 0.4F};
  EXPECT_GE(bytes(scene, 2), plain + 8);
}

double SumOfBits(const SectionUse& section) {
  double bits = 0;
  for (const StreamPart& part : section.parts) bits += part.bits;
  return bits;
}

TEST(StrictScene, DescriptionAddsUpToItsSections) {
  const Scene scene = SmallStrictScene({}, 7);
  const Member member = Encode(scene);
  const Description description = Must(Describe(member, DescribeDepth::kMeasured, CodingContext()));
  EXPECT_EQ(description.num_pairs, 3U);
  EXPECT_EQ(description.pair_bits.size(), 3U);
  ASSERT_EQ(description.sections.size(), 3U);
  for (size_t i = 0; i < 3; ++i) {
    const SectionUse& section = description.sections[i];
    EXPECT_EQ(section.size_bytes, member.sections[i].size());
    EXPECT_NEAR(SumOfBits(section) / 8, static_cast<double>(section.size_bytes), 1e-6) << section.name;
    for (const StreamPart& part : section.parts) EXPECT_TRUE(i == 0 || part.bits >= 0) << part.name;
  }
  EXPECT_EQ(description.sections[0].name, "maps");
  EXPECT_EQ(description.sections[1].name, "renderer");
  EXPECT_EQ(description.sections[2].name, "carrier");
  // Scales, values, seven kinds of codes and the rest.
  ASSERT_EQ(description.sections[1].parts.size(), 2U + 7U + 1U);
  uint64_t num_values = 0, num_scales = 0;
  for (const TensorSpec& spec : RendererTensors(scene.renderer.shape)) {
    num_values += spec.num_values();
    num_scales += NumScales(spec);
  }
  uint64_t count = 0;
  for (size_t i = 1; i < 9; ++i) count += description.sections[1].parts[i].count;
  EXPECT_EQ(count, num_values);
  EXPECT_EQ(description.sections[1].parts[0].count, num_scales);
  EXPECT_EQ(description.sections[1].parts[2].name, "codes of token_embed");
  EXPECT_EQ(description.sections[1].parts[8].name, "codes of head");
  EXPECT_EQ(description.sections[2].parts[0].count, 3U * 3 * 6 * 8);
  EXPECT_EQ(description.sections[2].parts[1].count, 3U * 3);

  const nlohmann::json facts = nlohmann::json::parse(description.facts);
  EXPECT_EQ(facts["class_maps"]["width"], 64);
  EXPECT_EQ(facts["class_maps"]["level"], 1);
  EXPECT_EQ(facts["renderer"]["num_weights"], num_values);
  EXPECT_EQ(facts["renderer"]["blocks"], 2);
  EXPECT_EQ(facts["carrier"]["atoms"], 3);
  EXPECT_EQ(facts["carrier"]["height"], 6);
}

// A motion is told as such: its parts, its facts and a column for each term.
TEST(StrictScene, DescribesMotions) {
  StrictSizes sizes;
  sizes.atoms = 0;
  const Scene scene = SmallStrictScene(sizes, 14);
  const Description description = Must(Describe(Encode(scene), DescribeDepth::kMeasured, CodingContext()));
  const SectionUse& section = description.sections[2];
  EXPECT_NEAR(SumOfBits(section) / 8, static_cast<double>(section.size_bytes), 1e-6);
  EXPECT_EQ(section.parts[0].name, "motions");
  EXPECT_EQ(section.parts[0].count, 3U * kMotionTerms);
  EXPECT_EQ(section.what.find("motions of 6 terms, "), 0U) << section.what;
  const nlohmann::json facts = nlohmann::json::parse(description.facts);
  EXPECT_EQ(facts["carrier"]["atoms"], 0);
  EXPECT_EQ(facts["carrier"]["terms"], kMotionTerms);
  ASSERT_EQ(description.columns.size(), 1U + kMotionTerms);
  EXPECT_EQ(description.columns.back().values[1], static_cast<float>(scene.carrier.coefficients[11]) / 256);
}

TEST(StrictScene, DescribesMotionsWithAtoms) {
  StrictSizes sizes;
  sizes.moves = true;
  const Scene scene = SmallStrictScene(sizes, 16);
  const Carrier& carrier = scene.carrier;
  const Description description = Must(Describe(Encode(scene), DescribeDepth::kMeasured, CodingContext()));
  const SectionUse& section = description.sections[2];
  EXPECT_NEAR(SumOfBits(section) / 8, static_cast<double>(section.size_bytes), 1e-6);
  std::vector<std::string> names;
  for (const StreamPart& part : section.parts) names.push_back(part.name);
  names.resize(4);
  EXPECT_EQ(names, (std::vector<std::string>{"basis", "motions", "coefficients", "scales and selector"}));
  EXPECT_EQ(section.parts[1].count, 3U * kMotionTerms);
  EXPECT_EQ(section.parts[2].count, 3U * 3);
  EXPECT_EQ(section.what.find("motions of 6 terms, 3 atoms of 8 x 6, "), 0U) << section.what;
  ASSERT_EQ(description.columns.size(), 1U + kMotionTerms + 3);
  EXPECT_EQ(description.columns[1].values[1], static_cast<float>(carrier.coefficients[9]) / 256);
  EXPECT_EQ(description.columns.back().values[1], carrier.coefficients[17] * carrier.coefficient_scales[2]);
}

// What a page shows of each pair: the maps, the selector modes and the weights of the atoms.
TEST(StrictScene, DescriptionHoldsMapsAndColumns) {
  const Scene scene = SmallStrictScene({}, 8);
  const Description description = Must(Describe(Encode(scene), DescribeDepth::kMeasured, CodingContext()));
  EXPECT_EQ(description.maps, scene.mask);
  const Carrier& carrier = scene.carrier;
  ASSERT_EQ(description.columns.size(), 1U + carrier.num_atoms);
  EXPECT_TRUE(description.columns[0].is_code);
  EXPECT_TRUE(std::ranges::equal(description.columns[0].values, scene.selector));
  const PairColumn& last = description.columns.back();
  EXPECT_EQ(last.name, "weight of atom " + std::to_string(carrier.num_atoms - 1));
  ASSERT_EQ(last.values.size(), scene.mask.count);
  EXPECT_EQ(last.values[1], carrier.coefficients[2 * carrier.num_atoms - 1] * carrier.coefficient_scales.back());
}

TEST(StrictScene, DescribesWithoutTheMapsToo) {
  Member member = Encode(SmallStrictScene({}, 8));
  member.sections[0].back() ^= 1;
  EXPECT_TRUE(Describe(member, DescribeDepth::kQuick, CodingContext()).ok());
  EXPECT_EQ(Describe(member, DescribeDepth::kWhole, CodingContext()).error().code, Code::kCorrupt);
  EXPECT_EQ(Describe(member, DescribeDepth::kMeasured, CodingContext()).error().code, Code::kCorrupt);
  member.sections[1].back() ^= 1;
  EXPECT_EQ(Describe(member, DescribeDepth::kQuick, CodingContext()).error().code, Code::kCorrupt);
}

TEST(StrictScene, Golden) {
  const Scene scene = SmallStrictScene({}, 9);
  const Bytes zip = Must(PackZip(Must(WriteMember(Encode(scene, 2), Limits()))));
  testing::ExpectGolden("strict.zip", zip);
  // Written when version 1 of stream m was the latest.
  const LoadedArchive old = Must(LoadArchive(testing::GoldenPath("strict_mask_version1.zip"), Limits()));
  EXPECT_TRUE(SameBits(Must(DecodeScene(old.member, CodingContext())), scene));
  const LoadedArchive archive = Must(LoadArchive(testing::GoldenPath("strict.zip"), Limits()));
  const Scene decoded = Must(DecodeScene(archive.member, CodingContext()));
  EXPECT_TRUE(SameBits(decoded, scene));
  ByteWriter integers;
  integers.Append(decoded.mask.ids);
  for (const QuantizedTensor& tensor : decoded.renderer.tensors) {
    integers.Append(tensor.codes);
    for (const uint16_t scale : tensor.scales) integers.U16(scale);
    for (const uint16_t pattern : tensor.halves) integers.U16(pattern);
  }
  for (const int8_t code : decoded.carrier.basis) integers.U8(static_cast<uint8_t>(code));
  for (const int16_t code : decoded.carrier.coefficients) integers.U16(static_cast<uint16_t>(code));
  for (const float scale : decoded.carrier.basis_scales) integers.F32(scale);
  for (const float scale : decoded.carrier.coefficient_scales) integers.F32(scale);
  integers.Append(decoded.selector);
  EXPECT_EQ(Sha256Hex(integers.Take()), "3ce62c1edb8b5212118ee261507b09a1003a49536ada27a63749cf4f070a61c2");
}

TEST(StrictScene, GoldenMotions) {
  StrictSizes sizes;
  sizes.atoms = 0;
  const Scene scene = SmallStrictScene(sizes, 15);
  testing::ExpectGolden("strict_motion.zip", Must(PackZip(Must(WriteMember(Encode(scene, 2), Limits())))));
  const LoadedArchive archive = Must(LoadArchive(testing::GoldenPath("strict_motion.zip"), Limits()));
  EXPECT_TRUE(SameBits(Must(DecodeScene(archive.member, CodingContext())), scene));
}

TEST(StrictScene, GoldenMotionsWithAtoms) {
  StrictSizes sizes;
  sizes.moves = true;
  const Scene scene = SmallStrictScene(sizes, 17);
  testing::ExpectGolden("strict_motion_atoms.zip", Must(PackZip(Must(WriteMember(Encode(scene, 2), Limits())))));
  const LoadedArchive archive = Must(LoadArchive(testing::GoldenPath("strict_motion_atoms.zip"), Limits()));
  EXPECT_TRUE(SameBits(Must(DecodeScene(archive.member, CodingContext())), scene));
}

TEST(StrictScene, RejectsOtherSections) {
  const Member good = Encode(SmallStrictScene(TinySizes(), 10));
  const auto error = [&good](const auto& change) {
    Member member = good;
    change(member.sections);
    const Result<Scene> scene = Decode(member);
    EXPECT_FALSE(scene.ok());
    const Error result = scene.ok() ? Error{Code::kInternal, "accepted"} : scene.error();
    testing::ExpectDecent(result);
    EXPECT_TRUE(result.code == Code::kCorrupt || result.code == Code::kUnsupported) << result.message;
    EXPECT_FALSE(Describe(member, DescribeDepth::kQuick, CodingContext()).ok());
    return result.message;
  };
  using Sections = std::vector<Bytes>;
  EXPECT_EQ(error([](Sections& s) { s.pop_back(); }), "archive: header: got 2 sections, expected 3, at byte 1");
  EXPECT_EQ(error([](Sections& s) { s.push_back({1}); }), "archive: header: got 4 sections, expected 3, at byte 1");
  EXPECT_EQ(error([](Sections& s) { s[1].clear(); }), "renderer: ends early, at byte 0");
  EXPECT_EQ(error([](Sections& s) { s[2].resize(1); }), "carrier: ends early, at byte 1");
  EXPECT_NE(error([](Sections& s) { s[0].clear(); }).find("mask: "), std::string::npos);
  EXPECT_NE(error([](Sections& s) { std::swap(s[0], s[1]); }), "");
  EXPECT_NE(error([](Sections& s) { std::swap(s[1], s[2]); }), "");
  EXPECT_NE(error([](Sections& s) { std::swap(s[0], s[2]); }), "");
  EXPECT_NE(error([](Sections& s) { s[1].push_back(7); }), "");
  EXPECT_EQ(error([](Sections& s) { s[2][0] ^= 1; }).find("carrier: checksum of the decoded integers is "), 0U);
  EXPECT_EQ(error([](Sections& s) { s[1][1] ^= 1; }).find("renderer: checksum of the decoded integers is "), 0U);
}

// Sections that are whole but belong to another scene.
TEST(StrictScene, RejectsSectionsOfAnotherScene) {
  const Member good = Encode(SmallStrictScene(TinySizes(), 11));
  StrictSizes sizes = TinySizes();
  sizes.pairs = 3;
  sizes.classes = 6;
  const Member other = Encode(SmallStrictScene(sizes, 11));
  for (size_t i = 0; i < 3; ++i) {
    Member member = good;
    member.sections[i] = other.sections[i];
    const Result<Scene> scene = Decode(member);
    ASSERT_FALSE(scene.ok()) << i;
    testing::ExpectDecent(scene.error());
  }
}

TEST(StrictScene, RejectsMoreThanTheLimits) {
  const Member member = Encode(SmallStrictScene(TinySizes(), 12));
  CodingContext context;
  context.limits.max_weights = 100;
  EXPECT_EQ(DecodeScene(member, context).error().code, Code::kLimit);
  EXPECT_EQ(EncodeScene(SmallStrictScene(TinySizes(), 12), 1, context).error().code, Code::kLimit);
  context = CodingContext();
  context.limits.max_pairs = 1;
  EXPECT_EQ(DecodeScene(member, context).error().code, Code::kLimit);
  EXPECT_EQ(EncodeScene(SmallStrictScene(TinySizes(), 12), 1, context).error().code, Code::kLimit);
}

TEST(StrictScene, EncodingRefusesPartsThatDoNotFit) {
  const auto message = [](const auto& change) {
    Scene scene = SmallStrictScene(TinySizes(), 13);
    change(scene);
    const Result<Member> member = EncodeScene(scene, 1, CodingContext());
    EXPECT_FALSE(member.ok());
    return member.ok() ? std::string() : member.error().message;
  };
  EXPECT_EQ(message([](Scene& s) { s.renderer.shape.num_pairs = 3; }),
            "scene: rows of frame_embed: got 3, expected 2 as the maps say");
  EXPECT_EQ(message([](Scene& s) { s.renderer.shape.num_classes = 6; }),
            "scene: rows of token_embed: got 6, expected 5 as the maps say");
  EXPECT_EQ(message([](Scene& s) { s.renderer.shape.dilations.clear(); }), "renderer: blocks: got 0, expected 1 to 8");
  EXPECT_EQ(message([](Scene& s) { s.renderer.shape.dilations.resize(9, 1); }),
            "renderer: blocks: got 9, expected 1 to 8");
  EXPECT_EQ(message([](Scene& s) { s.renderer.shape.dilations = {17}; }),
            "renderer: dilation: got 17, expected 1 to 16");
  EXPECT_EQ(message([](Scene& s) { s.renderer.shape.dilations = {0}; }), "renderer: dilation: got 0, expected 1 to 16");
  for (const uint32_t width : {8, 20, 136}) {
    EXPECT_EQ(message([width](Scene& s) { s.renderer.shape.width = width; }),
              "renderer: width: got " + std::to_string(width) + ", expected a multiple of 8 from 16 to 128");
  }
  EXPECT_EQ(message([](Scene& s) { s.renderer.shape.frame_dims = 65; }),
            "renderer: columns of frame_embed: got 65, expected 1 to 64");
  EXPECT_EQ(message([](Scene& s) { s.carrier.num_atoms = 33; }), "carrier: atoms: got 33, expected 0 to 32");
  EXPECT_EQ(message([](Scene& s) { s.carrier.grid_height = 0; }), "carrier: rows: got 0, expected 1 to 128");
  EXPECT_EQ(message([](Scene& s) { s.carrier.grid_width = 129; }), "carrier: columns: got 129, expected 1 to 128");
  EXPECT_EQ(message([](Scene& s) { s.carrier.num_atoms = 32, s.carrier.grid_height = s.carrier.grid_width = 38; }),
            "carrier: codes of the basis: got 138624, expected at most 131072");
  EXPECT_EQ(message([](Scene& s) { s.carrier.basis.pop_back(); }), "carrier: codes of the basis: got 53, expected 54");
  EXPECT_EQ(message([](Scene& s) { s.carrier.coefficients.push_back(1); }), "carrier: coefficients: got 5, expected 4");
  EXPECT_EQ(message([](Scene& s) { s.selector.push_back(1); }), "carrier: modes of the selector: got 3, expected 2");
  EXPECT_EQ(message([](Scene& s) { s.selector[0] = 8; }), "selector: got mode 8, expected 0 to 7");
  EXPECT_EQ(message([](Scene& s) { s.carrier.grey = std::nanf(""); }),
            "carrier: a scale, grey or amplitude is not finite");
  EXPECT_EQ(message([](Scene& s) { s.carrier.basis_scales[0] = std::numeric_limits<float>::infinity(); }),
            "carrier: a scale, grey or amplitude is not finite");
  EXPECT_EQ(message([](Scene& s) { s.renderer.tensors.pop_back(); }), "renderer: tensors: got 13, expected 14");
  EXPECT_EQ(message([](Scene& s) { s.renderer.tensors[0].codes[0] = 8; }),
            "weights: token_embed.weight: got code 8, expected -7 to 7");
  EXPECT_NE(message([](Scene& s) { s.mask.ids[0] = 5; }), "");
  EXPECT_NE(message([](Scene& s) { s.mask.ids.pop_back(); }), "");
}

TEST(StrictScene, ARealSceneIsSmallAndSurvives) {
  KIT_SHARED_DATA_OR_SKIP(packed, "strict/scene.safetensors.xz");
  const Bytes bytes = testing::Unxz(packed);
  if (bytes.empty()) GTEST_SKIP() << "needs the xz command";
  TensorFile file = Must(ReadTensors(bytes));
  const CodingContext context{Limits(), static_cast<int>(std::max(std::thread::hardware_concurrency(), 1U))};
  const auto begin = std::chrono::steady_clock::now();
  Member member = Must(Pack(file, {1}, context));
  const auto packed_at = std::chrono::steady_clock::now();
  const TensorFile again = Must(Unpack(member, context));
  const auto end = std::chrono::steady_clock::now();
  std::printf("strict: maps %zu, renderer %zu, carrier %zu bytes; pack %.1f s, unpack %.1f s\n",
              member.sections[0].size(), member.sections[1].size(), member.sections[2].size(),
              std::chrono::duration<double>(packed_at - begin).count(),
              std::chrono::duration<double>(end - packed_at).count());
  EXPECT_TRUE(again.tensors == file.tensors);
  EXPECT_LE(member.sections[1].size(), 32'807U);
  EXPECT_LE(member.sections[2].size(), 19'657U);
  EXPECT_LE(Must(PackZip(Must(WriteMember(member, Limits())))).size(), 148'162U);
}

}  // namespace
}  // namespace kitsink::strict
