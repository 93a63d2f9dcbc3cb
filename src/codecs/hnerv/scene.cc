// Encodes a scene as sections and decodes it.

#include "codecs/hnerv/scene.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdio>
#include <string>
#include <utility>

#include "codecs/hnerv/decoder_section.h"
#include "codecs/hnerv/foreign/foreign.h"
#include "codecs/hnerv/latents_section.h"
#include "kitsink/coded_section.h"
#include "kitsink/half.h"
#include "kitsink/hash.h"

namespace kitsink::hnerv {
namespace {

enum Section : size_t { kDecoder, kLatents };
constexpr size_t kNumSections = 2;

constexpr float kOffsetSteps = 4;  // of an offset, in a grey level
constexpr int kModeBits = std::bit_width(unsigned{kNumSelectorModes - 1});

template <typename Coder>
void CodeShape(SectionBits<Coder>& bits, DecoderShape& shape) {
  const DecoderShape usual;
  if (bits.CodeUsual(shape == usual)) {
    shape = usual;
    return;
  }
  shape.latent_dims = bits.CodeRaw(shape.latent_dims, 8);
  for (uint32_t& count : shape.channels) count = bits.CodeRaw(count, 10);
}

template <typename Coder>
void CodeFrames(SectionBits<Coder>& bits, Scene& scene) {
  scene.chain = static_cast<FrameChain>(bits.CodeRaw(static_cast<uint32_t>(scene.chain), 1));
  const bool plain = bits.CodeUsual(scene.offsets == Scene().offsets);
  for (auto& colours : scene.offsets) {
    for (float& offset : colours) {
      const auto steps = static_cast<uint8_t>(static_cast<int>(offset * kOffsetSteps));
      if (!plain) offset = static_cast<float>(static_cast<int8_t>(bits.CodeRaw(steps, 8))) / kOffsetSteps;
    }
  }
  if (bits.CodeRaw(scene.selector.empty() ? 0 : 1, 1) == 0) return;
  scene.selector.resize(scene.latents.num_pairs);
  std::array<AdaptiveBit, kNumSelectorModes> modes;
  for (uint8_t& mode : scene.selector) mode = static_cast<uint8_t>(bits.CodeTree(modes, mode, kModeBits));
}

uint16_t DecoderChecksum(const std::vector<Int8Tensor>& tensors) {
  ByteWriter writer;
  for (const Int8Tensor& tensor : tensors) {
    for (const int8_t code : tensor.codes) writer.U8(static_cast<uint8_t>(code));
    writer.F32(tensor.scale);
  }
  return Crc16(writer.Take());
}

// Of the latents and of what else their section holds.
uint16_t LatentsChecksum(const Scene& scene) {
  ByteWriter writer;
  const Latents& latents = scene.latents;
  writer.Append(latents.codes);
  for (const uint16_t pattern : latents.minimum) writer.U16(pattern);
  for (const uint16_t pattern : latents.scale) writer.U16(pattern);
  for (const Correction& correction : latents.corrections) {
    writer.U8(correction.dim);
    writer.U8(static_cast<uint8_t>(correction.steps));
  }
  writer.F32(latents.corrections.empty() ? Latents().correction_unit : latents.correction_unit);
  writer.U8(static_cast<uint8_t>(scene.chain));
  for (const auto& colours : scene.offsets) {
    for (const float offset : colours) writer.U8(static_cast<uint8_t>(static_cast<int>(offset * kOffsetSteps)));
  }
  writer.Append(scene.selector);
  return Crc16(writer.Take());
}

Bytes EncodeDecoder(const Scene& scene) {
  BinaryEncoder coder;
  SectionBits<BinaryEncoder> bits(coder);
  bits.CodeVersion();
  DecoderShape shape = scene.shape;
  CodeShape(bits, shape);
  EncodeDecoderTensors(coder, shape, scene.tensors);
  return FinishSection(coder, DecoderChecksum(scene.tensors));
}

// The network, or with `shape_only` only its shape.
Status DecodeDecoder(std::span<const uint8_t> section, bool shape_only, const Limits& limits, Scene& scene,
                     std::vector<StreamPart>* parts) {
  KIT_ASSIGN(const CodedSection coded, OpenSection(section, "decoder"));
  BinaryDecoder coder(coded.code);
  SectionBits<BinaryDecoder> bits(coder);
  if (!bits.CodeVersion()) return UnknownVersion("decoder");
  CodeShape(bits, scene.shape);
  if (const Status status = CheckDecoderShape(scene.shape, limits); !status.ok()) {
    return Error{status.error().code == Code::kLimit ? Code::kLimit : Code::kCorrupt, status.error().message};
  }
  if (shape_only) return Ok();
  KIT_ASSIGN(scene.tensors, DecodeDecoderTensors(coder, scene.shape, parts));
  KIT_TRY(CloseSection(coder, coded, DecoderChecksum(scene.tensors), "decoder"));
  if (parts != nullptr) AddRest(section.size(), *parts);
  return Ok();
}

Status DecodeRest(std::span<const uint8_t> section, const Limits& limits, Scene& scene,
                  std::vector<StreamPart>* parts) {
  KIT_ASSIGN(const CodedSection coded, OpenSection(section, "latents"));
  BinaryDecoder coder(coded.code);
  SectionBits<BinaryDecoder> bits(coder);
  if (!bits.CodeVersion()) return UnknownVersion("latents");
  KIT_ASSIGN(scene.latents, DecodeLatents(coder, scene.shape.latent_dims, limits, parts));
  CodeFrames(bits, scene);
  KIT_TRY(CloseSection(coder, coded, LatentsChecksum(scene), "latents"));
  if (parts != nullptr) {
    parts->push_back({"frames and selector", bits.bits(), scene.selector.size()});
    AddRest(section.size(), *parts);
  }
  return Ok();
}

struct Decoded {
  Scene scene;
  std::string form;                  // of another program's archive
  std::vector<SectionUse> sections;  // without `what`
};

// With `shape_only`, a kitsink archive's scene has no tensors.
Result<Decoded> Decode(const Member& member, bool shape_only, bool measured, const Limits& limits) {
  Decoded decoded;
  if (member.foreign) {
    KIT_ASSIGN(ForeignScene foreign, ReadForeign(member.sections[0], limits));
    return Decoded{std::move(foreign.scene), std::move(foreign.form), std::move(foreign.sections)};
  }
  const std::vector<Bytes>& sections = member.sections;
  if (sections.size() != kNumSections) {
    return Error{Code::kCorrupt,
                 "archive: header: got " + std::to_string(sections.size()) + " sections, expected 2, at byte 1"};
  }
  Scene& scene = decoded.scene;
  scene.frame_size = member.frame_size;
  decoded.sections = {{"decoder", "decoder weights", sections[kDecoder].size(), "", {}},
                      {"latents", "latents and frames", sections[kLatents].size(), "", {}}};
  const auto parts = [&](Section section) { return measured ? &decoded.sections[section].parts : nullptr; };
  KIT_TRY(DecodeDecoder(sections[kDecoder], shape_only, limits, scene, parts(kDecoder)));
  KIT_TRY(DecodeRest(sections[kLatents], limits, scene, parts(kLatents)));
  if (const Status status = CheckFrames(scene); !status.ok()) return Error{Code::kCorrupt, status.error().message};
  return decoded;
}

uint64_t CountCodes(const DecoderShape& shape) {
  uint64_t count = 0;
  for (const DecoderTensor& tensor : DecoderTensors(shape)) count += tensor.layout.num_codes();
  return count;
}

uint64_t CountCorrections(const Latents& latents) {
  return static_cast<uint64_t>(std::ranges::count_if(
      latents.corrections, [](const Correction& correction) { return correction.dim != Correction::kNone; }));
}

std::string FactsOf(const Decoded& decoded) {
  const Scene& scene = decoded.scene;
  std::string channels, offsets;
  for (const uint32_t count : scene.shape.channels) channels += (channels.empty() ? "" : ", ") + std::to_string(count);
  for (const auto& colours : scene.offsets) {
    char text[64];
    std::snprintf(text, sizeof(text), "[%g, %g, %g]", colours[0], colours[1], colours[2]);
    offsets += (offsets.empty() ? "" : ", ") + std::string(text);
  }
  const auto modes = scene.selector.size() - static_cast<size_t>(std::ranges::count(scene.selector, 0));
  return "{\"foreign\": " + (decoded.form.empty() ? "null" : "\"" + decoded.form + "\"") +
         ", \"decoder\": {\"channels\": [" + channels +
         "], \"num_weights\": " + std::to_string(CountCodes(scene.shape)) +
         "}, \"latents\": {\"dims\": " + std::to_string(scene.shape.latent_dims) +
         ", \"corrections\": " + std::to_string(CountCorrections(scene.latents)) +
         "}, \"frames\": {\"preimage\": " + (scene.chain == FrameChain::kPreimage ? "true" : "false") +
         ", \"offsets\": [" + offsets + "], \"selected\": " + std::to_string(modes) + "}}";
}

// The values of each latent dimension before correction, the corrections, and the selector modes.
std::vector<PairColumn> ColumnsOf(const Scene& scene) {
  std::vector<PairColumn> columns;
  const Latents& latents = scene.latents;
  for (uint32_t dim = 0; dim < latents.dims; ++dim) {
    PairColumn& column = columns.emplace_back(PairColumn{"latent " + std::to_string(dim), "", {}});
    for (size_t at = dim; at < latents.codes.size(); at += latents.dims) {
      column.values.push_back(static_cast<float>(latents.codes[at]) * HalfToFloat(latents.scale[dim]) +
                              HalfToFloat(latents.minimum[dim]));
    }
  }
  if (!latents.corrections.empty()) {
    PairColumn dims{"corrected dimension, -1 for none", "", {}, 1, true};
    PairColumn change{"correction", "", {}};
    for (const Correction& correction : latents.corrections) {
      dims.values.push_back(correction.dim == Correction::kNone ? -1.0F : static_cast<float>(correction.dim));
      change.values.push_back(static_cast<float>(correction.steps) * latents.correction_unit);
    }
    columns.push_back(std::move(dims));
    columns.push_back(std::move(change));
  }
  if (!scene.selector.empty()) {
    columns.push_back({"selector mode of f0", "", {scene.selector.begin(), scene.selector.end()}, 1, true});
  }
  return columns;
}

std::string DescribeLatents(const Scene& scene) {
  const Latents& latents = scene.latents;
  std::string text = std::to_string(latents.num_pairs) + " vectors of " + std::to_string(latents.dims);
  if (!latents.corrections.empty()) text += ", " + std::to_string(CountCorrections(latents)) + " corrections";
  if (!scene.selector.empty()) text += ", a selector of f0";
  return text + (scene.chain == FrameChain::kPreimage ? ", frames as pre-images" : ", frames enlarged");
}

Error Misfit(const std::string& what) { return Error{Code::kInvalidArgument, "frames: " + what}; }

}  // namespace

Status CheckFrames(const Scene& scene) {
  if (!scene.selector.empty() && scene.selector.size() != scene.latents.num_pairs) {
    return Misfit("selector: got " + std::to_string(scene.selector.size()) + " modes, expected " +
                  std::to_string(scene.latents.num_pairs));
  }
  for (const uint8_t mode : scene.selector) {
    if (mode >= kNumSelectorModes) return Misfit("selector: got mode " + std::to_string(mode) + ", expected 0 to 15");
  }
  for (const auto& colours : scene.offsets) {
    for (const float offset : colours) {
      if (offset >= -32 && offset < 32 && std::nearbyint(offset * kOffsetSteps) == offset * kOffsetSteps) continue;
      return Misfit("an offset is no quarter of a grey level from -32 to 31.75");
    }
  }
  if (scene.chain != FrameChain::kPreimage) return Ok();
  // As HasPrivateTaps, of a room that this one cannot include.
  const FrameSize size = scene.frame_size;
  if (size.width < 2 * kModelGrid.width || size.height < 2 * kModelGrid.height) {
    return Misfit("a pre-image needs frames of at least 1024 x 768, got " + std::to_string(size.width) + " x " +
                  std::to_string(size.height));
  }
  if (scene.offsets != Scene().offsets) return Misfit("a pre-image takes no offsets");
  return Ok();
}

Status CheckScene(const Scene& scene, const Limits& limits) {
  KIT_TRY(CheckDecoderShape(scene.shape, limits));
  const std::vector<DecoderTensor> all = DecoderTensors(scene.shape);
  const auto fail = [](const std::string& what) { return Error{Code::kInvalidArgument, "decoder: " + what}; };
  if (scene.tensors.size() != all.size()) {
    return fail("tensors: got " + std::to_string(scene.tensors.size()) + ", expected " + std::to_string(all.size()));
  }
  for (size_t i = 0; i < all.size(); ++i) {
    const Int8Tensor& tensor = scene.tensors[i];
    if (tensor.codes.size() != all[i].layout.num_codes()) {
      return fail(all[i].name + ": got " + std::to_string(tensor.codes.size()) + " codes, expected " +
                  std::to_string(all[i].layout.num_codes()));
    }
    if (std::ranges::find(tensor.codes, int8_t{-128}) != tensor.codes.end()) {
      return fail(all[i].name + ": got a code of -128, expected -127 to 127");
    }
    if (!(tensor.scale > 0) || !std::isfinite(tensor.scale)) {
      return fail(all[i].name + ": its scale is not positive and finite");
    }
  }
  KIT_TRY(CheckLatents(scene.latents, limits));
  if (scene.latents.dims != scene.shape.latent_dims) {
    return Error{Code::kInvalidArgument, "latents: dimensions: got " + std::to_string(scene.latents.dims) +
                                             ", expected " + std::to_string(scene.shape.latent_dims) +
                                             " as the stem has columns"};
  }
  return CheckFrames(scene);
}

Bytes EncodeLatentsSection(const Scene& scene) {
  BinaryEncoder coder;
  SectionBits<BinaryEncoder> bits(coder);
  bits.CodeVersion();
  EncodeLatents(coder, scene.latents);
  Scene copy = scene;
  CodeFrames(bits, copy);
  return FinishSection(coder, LatentsChecksum(scene));
}

Result<Member> EncodeScene(const Scene& scene, const CodingContext& context) {
  KIT_TRY(CheckScene(scene, context.limits));
  Member member;
  member.codec = kCodecId;
  member.frame_size = scene.frame_size;
  member.sections = {EncodeDecoder(scene), EncodeLatentsSection(scene)};
  return member;
}

Result<Scene> DecodeScene(const Member& member, const CodingContext& context) {
  KIT_ASSIGN(Decoded decoded, Decode(member, false, false, context.limits));
  return std::move(decoded.scene);
}

Result<Description> Describe(const Member& member, DescribeDepth depth, const CodingContext& context) {
  const bool measured = depth == DescribeDepth::kMeasured;
  KIT_ASSIGN(Decoded decoded, Decode(member, depth == DescribeDepth::kQuick, measured, context.limits));
  const Scene& scene = decoded.scene;
  Description description;
  description.num_pairs = scene.latents.num_pairs;
  description.facts = FactsOf(decoded);
  const uint64_t num_weights = CountCodes(scene.shape);
  for (SectionUse& section : decoded.sections) {
    char bits[64];
    std::snprintf(bits, sizeof(bits), "%.3f bits each",
                  8 * static_cast<double>(section.size_bytes) / static_cast<double>(num_weights));
    if (section.name == "decoder") section.what = std::to_string(num_weights) + " int8 weights, " + bits;
    if (section.name == "latents") section.what = DescribeLatents(scene);
  }
  description.sections = std::move(decoded.sections);
  if (measured) description.columns = ColumnsOf(scene);
  return description;
}

Result<TensorFile> Unpack(const Member& member, const CodingContext& context) {
  KIT_ASSIGN(const Scene scene, DecodeScene(member, context));
  return TensorsOf(scene);
}

Result<Member> Pack(const TensorFile& file, const PackOptions& options, const CodingContext& context) {
  KIT_ASSIGN(Scene scene, SceneOfTensors(file, context.limits));
  scene.frame_size = options.frame_size;
  return EncodeScene(scene, context);
}

}  // namespace kitsink::hnerv
