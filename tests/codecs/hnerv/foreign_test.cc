// Archives of other programs: every form that a writer here makes gives its scene, a real one gives the known integers,
// and damage is refused.

#include "codecs/hnerv/foreign/foreign.h"

#include <cmath>
#include <numeric>

#include "codecs/hnerv/foreign_writers.h"
#include "codecs/hnerv/frames.h"
#include "format_testlib.h"
#include "kitsink/codec.h"

namespace kitsink::hnerv {
namespace {

using testing::Must;
using testing::PublishedScene;
using testing::Random;
using testing::SmallHnervScene;

Scene SmallV1(uint64_t seed) {
  return SmallHnervScene(seed, {.corrections = false, .selector = false, .offsets = false});
}

void ExpectReads(const Bytes& member, const std::string& form, const Scene& scene) {
  SCOPED_TRACE(form);
  EXPECT_TRUE(RecognisesForeign(member));
  const Result<ForeignScene> foreign = ReadForeign(member, Limits());
  ASSERT_TRUE(foreign.ok()) << foreign.error().message;
  EXPECT_EQ(foreign.value().form, form);
  EXPECT_TRUE(foreign.value().scene == scene);
  uint64_t sum = 0;
  for (const SectionUse& section : foreign.value().sections) sum += section.size_bytes;
  EXPECT_EQ(sum, member.size());
}

TEST(Foreign, FormsOfAnyShape) {
  for (uint64_t seed = 1; seed < 6; ++seed) ExpectReads(testing::WriteV1(SmallV1(seed)), "v1", SmallV1(seed));
}

TEST(Foreign, FormsOfThePublishedShape) {
  const Scene plain = PublishedScene(1, false, false);
  ExpectReads(testing::WriteV1(plain), "v1", plain);
  ExpectReads(testing::WritePacked(plain), "packed", plain);
  ExpectReads(testing::WriteFixed(plain), "fixed", plain);
  Scene halves = PublishedScene(2, true, false);
  halves.offsets = {{{-1, 0, -1}, {0, -1, 0}}};
  ExpectReads(testing::WriteCd1(halves), "cd1", halves);
  const Scene corrected = PublishedScene(3, true, true);
  ExpectReads(testing::WriteFourPart(corrected), "four parts", corrected);
  const Scene uncorrected = PublishedScene(3, true, false);
  ExpectReads(testing::WriteFourPart(uncorrected), "four parts", uncorrected);
}

// A dimension without steps and steps without a dimension change nothing.
TEST(Foreign, CorrectionsThatCorrectNothing) {
  Scene scene = PublishedScene(4, true, true);
  Scene written = scene;
  written.latents.corrections[7] = {3, 0};
  written.latents.corrections[8] = {Correction::kNone, 5};
  scene.latents.corrections[7] = scene.latents.corrections[8] = Correction();
  ExpectReads(testing::WriteFourPart(written), "four parts", scene);
}

// Word lengths with Kraft sum 1, and corrections whose words fill whole bytes.
const std::vector<int> kWordLengths = {6, 5, 6, 5, 4, 6, 5, 2, 2, 3, 4, 5, 6, 5, 6, 6};

Scene MicrocodecScene(uint64_t seed) {
  Random random(seed);
  Scene scene = PublishedScene(seed, true, false);
  scene.offsets = {{{-1, 0, -1}, {0, -1, 0}}};
  std::vector<Correction>& corrections = scene.latents.corrections;
  for (size_t pair = 0; pair < 600; ++pair) {
    corrections.push_back({static_cast<uint8_t>(random.Below(28)), testing::kMicrocodecSteps[random.Below(16)]});
  }
  for (const size_t pair : {0, 5, 431}) corrections[pair] = Correction();
  const auto num_bits = [&] {
    int bits = 0;
    for (const Correction& correction : corrections) {
      if (correction.dim == Correction::kNone) continue;
      bits += kWordLengths[static_cast<size_t>(std::ranges::find(testing::kMicrocodecSteps, correction.steps) -
                                               testing::kMicrocodecSteps)];
    }
    return bits;
  };
  for (size_t pair = 590; num_bits() % 8 != 0; ++pair) {  // words of 2 and 3 bits
    corrections[pair].steps = -1;
    if (num_bits() % 8 != 0) corrections[pair].steps = 2;
  }
  return scene;
}

TEST(Foreign, Microcodec) {
  for (const uint64_t seed : {1, 2}) {
    const Scene scene = MicrocodecScene(seed);
    MicrocodecLengths lengths;
    const Bytes member = testing::WriteMicrocodec(scene, kWordLengths, lengths);
    const ForeignScene foreign = Must(ReadMicrocodec(member, lengths));
    EXPECT_TRUE(foreign.scene == scene);
    EXPECT_FALSE(RecognisesForeign(member)) << "has another length than the published one";

    Scene selected = scene;
    Random random(seed);
    for (size_t i = 0; i < 600; ++i) selected.selector.push_back(static_cast<uint8_t>(random.Below(16)));
    const Bytes outer = testing::WriteSelectorForm(member, selected.selector);
    EXPECT_TRUE(RecognisesForeign(outer));
    EXPECT_TRUE(Must(ReadSelectorForm(outer, lengths)).scene == selected);
    EXPECT_EQ(ReadForeign(outer, Limits()).error().code, Code::kCorrupt);

    std::vector<uint8_t> modes(600, 0);  // two bits each, but three for the last
    modes.back() = 7;
    Bytes padded = testing::WriteSelectorForm(member, modes);
    EXPECT_TRUE(ReadSelectorForm(padded, lengths).ok());
    padded.back() |= 1;
    EXPECT_EQ(ReadSelectorForm(padded, lengths).error().message, "selector: its last bits are not 0, at byte 150");
  }
  EXPECT_EQ(MicrocodecLengths().member(), 178'158U);
}

// As the three parts are told apart by constants alone, damage of one part never reads as another scene's shape.
TEST(Foreign, MicrocodecRejectsDamage) {
  const Scene scene = MicrocodecScene(3);
  MicrocodecLengths lengths;
  const Bytes member = testing::WriteMicrocodec(scene, kWordLengths, lengths);
  const auto message = [&](const Bytes& damaged, const MicrocodecLengths& parts) {
    const Result<ForeignScene> foreign = ReadMicrocodec(damaged, parts);
    if (foreign.ok()) return std::string("accepted");
    testing::ExpectDecent(foreign.error());
    return foreign.error().message;
  };
  const size_t corrections = lengths.decoder + lengths.latents, ranks = corrections + lengths.dims;
  Bytes damaged = member;
  damaged.pop_back();
  EXPECT_NE(message(damaged, lengths).find("microcodec: got "), std::string::npos);
  damaged = member;
  for (size_t i = 0; i < 5; ++i) damaged[ranks + i] = 0xff;
  EXPECT_EQ(message(damaged, lengths), "corrections: no code has this rank, at byte 359");
  damaged = member;
  for (size_t i = 0; i < 3; ++i) damaged[member.size() - 1 - i] = 0xff;
  EXPECT_EQ(message(damaged, lengths), "accepted") << "C(600, 3) is more than three bytes hold";
  damaged = member;
  for (size_t i = 0; i < lengths.dims; ++i) damaged[corrections + i] = 0xff;
  EXPECT_EQ(message(damaged, lengths), "corrections: the number of the dimensions is too large, at byte 0");
  // Words of 2 bits: too many of them.
  damaged = member;
  const Bytes rank = testing::LittleEndian(testing::RankOfLengths({2, 2, 2, 4, 5, 6, 6, 6, 6, 7, 7, 7, 7, 7, 7, 5}), 5);
  std::copy(rank.begin(), rank.end(), damaged.begin() + static_cast<ptrdiff_t>(ranks));
  std::fill_n(damaged.begin() + static_cast<ptrdiff_t>(ranks) + 5, lengths.codes, uint8_t{0});
  EXPECT_NE(message(damaged, lengths).find("corrections for 600 pairs"), std::string::npos)
      << message(damaged, lengths);
  // A word of 5 bits at the end of the last byte.
  damaged = member;
  damaged[member.size() - 4] = 0xff;
  EXPECT_NE(message(damaged, lengths), "");
  MicrocodecLengths other = lengths;
  ++other.decoder, --other.latents;
  EXPECT_NE(message(member, other).find("bytes left over"), std::string::npos);
  --other.decoder, --other.decoder, other.latents += 2;
  EXPECT_NE(message(member, other).find("ends early"), std::string::npos);
  for (size_t i = 0; i < member.size(); i += 20'011) {
    damaged = member;
    damaged[i] ^= 0x10;
    message(damaged, lengths);
  }
}

TEST(Foreign, RejectsEveryCutAndFlipOfV1) {
  const Scene scene = SmallV1(7);
  const Bytes member = testing::WriteV1(scene);
  const auto decode = [](std::span<const uint8_t> bytes) -> Result<Scene> {
    KIT_ASSIGN(ForeignScene foreign, ReadForeign(bytes, Limits()));
    return std::move(foreign.scene);
  };
  testing::ExpectRejectsWrongLengths(member, decode);
  // These forms have no checksum: a flip may give another valid scene, and must never do worse.
  for (size_t i = 0; i < member.size(); ++i) {
    for (const int flip : {1, 16, 128}) {
      Bytes damaged = member;
      damaged[i] = static_cast<uint8_t>(damaged[i] ^ flip);
      const Result<Scene> result = decode(damaged);
      if (!result.ok()) {
        testing::ExpectDecent(result.error());
      } else {
        EXPECT_TRUE(CheckScene(result.value(), Limits()).ok());
      }
    }
  }
}

TEST(Foreign, RejectsCutsOfThePublishedForms) {
  const Scene scene = PublishedScene(5, true, true);
  for (const Bytes& member : {testing::WritePacked(scene), testing::WriteFixed(scene), testing::WriteFourPart(scene)}) {
    Bytes longer = member;
    longer.push_back(0);
    EXPECT_FALSE(ReadForeign(longer, Limits()).ok());
    for (size_t size = member.size() - 1; size > 0; size -= std::min(size, size / 9 + 1)) {
      const Result<ForeignScene> foreign = ReadForeign(std::span(member).first(size), Limits());
      ASSERT_FALSE(foreign.ok()) << size;
      testing::ExpectDecent(foreign.error());
    }
  }
}

TEST(Foreign, SaysWhatIsWrong) {
  const auto error = [](const std::vector<Bytes>& parts) {
    const Result<ForeignScene> foreign = ReadForeign(testing::JoinParts(parts), Limits());
    EXPECT_FALSE(foreign.ok());
    return foreign.ok() ? Error{} : foreign.error();
  };
  const Scene scene = SmallV1(8);
  const Bytes settings = testing::SettingsPart(scene), decoder = testing::Brotli(testing::NamedTensors(scene)),
              latents = testing::Brotli(testing::LatentTable(scene.latents));
  const auto text = [](const std::string& json) {
    return testing::Brotli({reinterpret_cast<const uint8_t*>(json.data()), json.size()});
  };
  EXPECT_EQ(error({text("[1]"), decoder, latents}).message, "foreign archive: settings: are no JSON object, at byte 0");
  EXPECT_EQ(error({text("{\"n_pairs\": -1}"), decoder, latents}).message,
            "foreign archive: settings: n_pairs is no number, at byte 0");
  EXPECT_EQ(
      error({text("{\"n_pairs\": 6, \"latent_dim\": 5, \"base_channels\": 4, \"eval_size\": [1]}"), decoder, latents})
          .code,
      Code::kUnsupported);
  Scene other = scene;
  other.latents.num_pairs = 5;
  EXPECT_EQ(error({testing::SettingsPart(other), decoder, latents}).message,
            "foreign archive: settings: do not agree with decoder and latents, at byte 0");
  EXPECT_EQ(error({settings, decoder, text("")}).message,
            "foreign archive: latents: got 0 decompressed bytes for 0 pairs of 0 dimensions, expected 8, at byte 8");
  Bytes table = testing::LatentTable(scene.latents);
  table[2] = 1;
  EXPECT_EQ(error({settings, decoder, testing::Brotli(table)}).code, Code::kLimit);
  Bytes tensors = testing::NamedTensors(scene);
  tensors[0] = 65;
  EXPECT_EQ(error({settings, testing::Brotli(tensors), latents}).message,
            "foreign archive: decoder: declares 65 tensors, at byte 4");
  tensors = testing::NamedTensors(scene);
  tensors[4] = 200;
  EXPECT_NE(error({settings, testing::Brotli(tensors), latents}).message.find("a name of 200 bytes"),
            std::string::npos);
  Bytes longer = decoder;
  longer.push_back(7);
  EXPECT_EQ(error({settings, longer, latents}).message,
            "foreign archive: decoder: 1 bytes left over, at byte " + std::to_string(decoder.size()));
  other = scene;
  other.tensors[3].scale = 0;
  EXPECT_EQ(error({settings, testing::Brotli(testing::NamedTensors(other)), latents}).message,
            "foreign archive: decoder: blocks.0.bias: its scale is not positive and finite");
  other = scene;
  other.tensors[3].codes[0] = -128;
  EXPECT_EQ(error({settings, testing::Brotli(testing::NamedTensors(other)), latents}).message,
            "foreign archive: decoder: blocks.0.bias: got a code of -128, expected -127 to 127");
  other = scene;
  other.latents.scale[1] = 0x7c00;
  EXPECT_EQ(error({settings, decoder, testing::Brotli(testing::LatentTable(other.latents))}).message,
            "foreign archive: latents: a minimum or a scale is not finite");

  Scene published = PublishedScene(6, true, true);
  published.latents.corrections[3] = {28, 1};
  EXPECT_EQ(ReadForeign(testing::WriteFourPart(published), Limits()).error().message,
            "foreign archive: latents: a correction of dimension 28, expected below 28");
  EXPECT_FALSE(RecognisesForeign(Bytes{}));
  EXPECT_FALSE(RecognisesForeign(Bytes(100, 1)));
  EXPECT_EQ(ReadForeign(Bytes(100, 1), Limits()).error().message, "foreign archive: is of no known form, at byte 0");
}

TEST(Foreign, SelectorFormRejects) {
  const Bytes inner(10);
  const std::vector<uint8_t> modes(600, 15);
  const MicrocodecLengths lengths;
  const Bytes good = testing::WriteSelectorForm(inner, modes);
  const auto message = [&](const Bytes& member) { return ReadSelectorForm(member, lengths).error().message; };
  EXPECT_EQ(message(good), "microcodec: got 10 bytes, expected 178158, at byte 0");
  Bytes bad = good;
  bad.pop_back();
  EXPECT_EQ(message(bad), "selector form: ends early, at byte " + std::to_string(bad.size() - 4));
  bad = good;
  bad[4 + 4 + 10 + 2] = 'X';
  EXPECT_EQ(message(bad), "selector: does not begin with FEC6 and 600 pairs, at byte 0");
}

// ---- a published archive -------------------------------------------------------------------------------------------

TEST(Foreign, PublishedArchive) {
  KIT_SHARED_DATA_OR_SKIP(path, "hnerv/archive.zip");
  const LoadedArchive archive = Must(FormatCodecs().Load(path, Limits()));
  EXPECT_EQ(archive.size_bytes, 178'637U);
  EXPECT_EQ(archive.sha256, "6564c32a9edeeaf08abd7f0ea673ba2fda23444605ca207eb4ba794cc66797b8");
  ASSERT_TRUE(archive.member.foreign);
  EXPECT_EQ(archive.member.codec, kCodecId);
  EXPECT_EQ(Sha256Hex(archive.member.sections[0]), "0a0f2cac1961f3ab5128e70ff10c0287a66949d435b5ee7a4dcf2017917910a3");
  const ForeignScene foreign = Must(ReadForeign(archive.member.sections[0], Limits()));
  EXPECT_EQ(foreign.form, "v1");
  const Scene& scene = foreign.scene;
  EXPECT_EQ(scene.shape, DecoderShape());
  Bytes codes;
  int64_t sum = 0, magnitudes = 0;
  for (const Int8Tensor& tensor : scene.tensors) {
    for (const int8_t code : tensor.codes) {
      codes.push_back(static_cast<uint8_t>(code));
      sum += code;
      magnitudes += std::abs(code);
    }
  }
  EXPECT_EQ(codes.size(), 228'958U);
  EXPECT_EQ(Sha256Hex(codes), "0938452690a976b020ac815850cdc4e4b6f69e242e9c85b4626cfb9356909dd6");
  EXPECT_EQ(sum, -29'615);
  EXPECT_EQ(magnitudes, 4'388'691);
  EXPECT_NEAR(scene.tensors[0].scale, 0.012035761, 5e-10);
  EXPECT_NEAR(scene.tensors[1].scale, 0.016590955, 5e-10);
  const Latents& latents = scene.latents;
  EXPECT_EQ(Sha256Hex(latents.codes), "6354f26d6b2f730e23140360bf0b5fec1b8ebcc25c7deeb16472992697317bcf");
  EXPECT_EQ(std::accumulate(latents.codes.begin(), latents.codes.end(), uint64_t{0}), 2'087'034U);
  const std::vector<float> first = DequantizeLatent(latents, 0);
  EXPECT_EQ(first[0], 0.2330780029296875F);
  EXPECT_EQ(first[1], -0.6640777587890625F);
  EXPECT_EQ(first[2], 0.0399932861328125F);
  EXPECT_EQ(first[3], -0.21026611328125F);
  EXPECT_EQ(DequantizeLatent(latents, 599)[27], 0.8556060791015625F);
  EXPECT_TRUE(scene.latents.corrections.empty() && scene.selector.empty() && scene.offsets == Scene().offsets);
}

// Smaller by an eightieth, and the same tensors.
TEST(Foreign, PublishedArchiveRepacked) {
  KIT_SHARED_DATA_OR_SKIP(path, "hnerv/archive.zip");
  const LoadedArchive archive = Must(FormatCodecs().Load(path, Limits()));
  const CodingContext context;
  const TensorFile tensors = Must(Unpack(archive.member, context));
  const Member member = Must(Pack(tensors, {}, context));
  const Bytes zip = Must(PackZip(Must(WriteMember(member, Limits()))));
  EXPECT_LE(zip.size(), 175'400U);
  RecordProperty("bytes", static_cast<int>(zip.size()));
  EXPECT_TRUE(Must(Unpack(member, context)) == tensors);
}

}  // namespace
}  // namespace kitsink::hnerv
