// Encodes a scene as sections and decodes it.

#include "codecs/strict/scene.h"

#include <bit>
#include <cmath>
#include <cstdio>
#include <string>
#include <utility>

#include "codecs/strict/carrier_section.h"
#include "kitsink/coded_section.h"

namespace kitsink::strict {
namespace {

enum Section : size_t { kMaps, kRenderer, kCarrier };
constexpr size_t kNumSections = 3;

constexpr uint32_t kUsualWidth = 96, kUsualFrameDims = 8;
constexpr size_t kUsualBlocks = 4;

template <typename Coder>
void CodeRendererShape(SectionBits<Coder>& bits, RendererShape& shape) {
  const bool usual = shape.width == kUsualWidth && shape.frame_dims == kUsualFrameDims &&
                     shape.dilations == UsualDilations(kUsualBlocks);
  if (bits.CodeUsual(usual)) {
    shape.width = kUsualWidth;
    shape.frame_dims = kUsualFrameDims;
    shape.dilations = UsualDilations(kUsualBlocks);
    return;
  }
  shape.width = 8 * bits.CodeRaw(shape.width / 8, 5);
  shape.frame_dims = bits.CodeRaw(shape.frame_dims, 7);
  shape.dilations.resize(bits.CodeRaw(static_cast<uint32_t>(shape.dilations.size()), 4));
  for (uint8_t& dilation : shape.dilations) dilation = static_cast<uint8_t>(bits.CodeRaw(dilation, 5));
}

Bytes EncodeRenderer(const Renderer& renderer) {
  BinaryEncoder coder;
  SectionBits<BinaryEncoder> bits(coder);
  RendererShape shape = renderer.shape;
  // Version 1 enlarges f1, version 2 writes its pre-image.
  if (renderer.preimage) bits.CodeUsual(false);
  bits.CodeVersion();
  CodeRendererShape(bits, shape);
  EncodeMixedTensors(coder, RendererTensors(shape), renderer.tensors);
  return FinishSection(coder, TensorsChecksum(renderer.tensors));
}

Result<Renderer> DecodeRenderer(std::span<const uint8_t> section, const MaskInfo& maps, const Limits& limits,
                                std::vector<StreamPart>* parts) {
  KIT_ASSIGN(const CodedSection coded, OpenSection(section, "renderer"));
  BinaryDecoder coder(coded.code);
  SectionBits<BinaryDecoder> bits(coder);
  Renderer renderer;
  renderer.preimage = !bits.CodeVersion();
  if (renderer.preimage && !bits.CodeVersion()) return UnknownVersion("renderer");
  CodeRendererShape(bits, renderer.shape);
  renderer.shape.num_pairs = maps.count;
  renderer.shape.num_classes = maps.num_classes;
  if (Status status = CheckRendererShape(renderer.shape, limits); !status.ok()) {
    return Error{status.error().code == Code::kLimit ? Code::kLimit : Code::kCorrupt, status.error().message};
  }
  Result<std::vector<QuantizedTensor>> tensors = DecodeMixedTensors(coder, RendererTensors(renderer.shape), parts);
  if (!tensors.ok()) return Within("renderer", tensors.error());
  renderer.tensors = tensors.TakeValue();
  KIT_TRY(CloseSection(coder, coded, TensorsChecksum(renderer.tensors), "renderer"));
  if (parts != nullptr) {
    for (size_t i = 0; i < kCodeNames.size(); ++i) (*parts)[2 + i].name = "codes of " + std::string(kCodeNames[i]);
    AddRest(section.size(), *parts);
  }
  return renderer;
}

// Everything except the maps.
struct Rest {
  MaskInfo maps;
  Renderer renderer;
  DecodedCarrier carrier;
  std::vector<StreamPart> renderer_parts;
};

Result<Rest> DecodeRest(const Member& member, const Limits& limits) {
  if (member.sections.size() != kNumSections) {
    return Error{Code::kCorrupt,
                 "archive: header: got " + std::to_string(member.sections.size()) + " sections, expected 3, at byte 1"};
  }
  Rest rest;
  KIT_ASSIGN(rest.maps, ReadMaskInfo(member.sections[kMaps], limits));
  KIT_ASSIGN(rest.renderer, DecodeRenderer(member.sections[kRenderer], rest.maps, limits, &rest.renderer_parts));
  if (const Status status = CheckPreimage(rest.renderer, {rest.maps.width, rest.maps.height}, member.frame_size);
      !status.ok()) {
    return Error{Code::kCorrupt, status.error().message};
  }
  KIT_ASSIGN(rest.carrier, DecodeCarrier(member.sections[kCarrier], rest.maps.count));
  return rest;
}

Status CheckScene(const Scene& scene, const Limits& limits) {
  const auto differ = [](const std::string& what, uint64_t got, uint64_t expected) {
    return Error{Code::kInvalidArgument, "scene: " + what + ": got " + std::to_string(got) + ", expected " +
                                             std::to_string(expected) + " as the maps say"};
  };
  const RendererShape& shape = scene.renderer.shape;
  const Carrier& carrier = scene.carrier;
  const uint64_t pairs = scene.mask.count;
  if (shape.num_pairs != pairs) return differ("rows of frame_embed", shape.num_pairs, pairs);
  if (shape.num_classes != scene.mask.num_classes) {
    return differ("rows of token_embed", shape.num_classes, scene.mask.num_classes);
  }
  KIT_TRY(CheckRendererShape(shape, limits));
  KIT_TRY(CheckPreimage(scene.renderer, {scene.mask.width, scene.mask.height}, scene.frame_size));
  KIT_TRY(CheckCarrierShape(carrier));
  const std::vector<TensorSpec> specs = RendererTensors(shape);
  if (scene.renderer.tensors.size() != specs.size()) {
    return Error{Code::kInvalidArgument, "renderer: tensors: got " + std::to_string(scene.renderer.tensors.size()) +
                                             ", expected " + std::to_string(specs.size())};
  }
  for (size_t i = 0; i < specs.size(); ++i) KIT_TRY(CheckTensor(specs[i], scene.renderer.tensors[i]));
  return CheckCarrierValues(carrier, scene.selector, pairs);
}

std::string Fixed(const char* format, double value) {
  char text[64];
  std::snprintf(text, sizeof(text), format, value);
  return text;
}

std::string FactsOf(const Rest& rest, uint64_t num_weights) {
  const RendererShape& shape = rest.renderer.shape;
  const Carrier& carrier = rest.carrier.carrier;
  return "{\"class_maps\": " + MaskFacts(rest.maps) + ", \"renderer\": {\"width\": " + std::to_string(shape.width) +
         ", \"blocks\": " + std::to_string(shape.dilations.size()) +
         ", \"num_weights\": " + std::to_string(num_weights) +
         ", \"preimage\": " + (rest.renderer.preimage ? "true" : "false") +
         "}, \"carrier\": {\"atoms\": " + std::to_string(carrier.num_atoms) +
         (carrier.moves ? ", \"terms\": " + std::to_string(kMotionTerms) : "") +
         (carrier.num_atoms > 0 ? ", \"width\": " + std::to_string(carrier.grid_width) +
                                      ", \"height\": " + std::to_string(carrier.grid_height)
                                : "") +
         "}}";
}

// The selector modes, the terms of the motion, and the weight of each atom of the carrier.
std::vector<PairColumn> ColumnsOf(const DecodedCarrier& decoded) {
  std::vector<PairColumn> columns;
  columns.push_back({"selector mode of f0", "", {decoded.selector.begin(), decoded.selector.end()}, 1, true});
  const Carrier& carrier = decoded.carrier;
  if (carrier.moves) {
    const char* const names[] = {"dx", "dx by X", "dx by Y", "dy", "dy by X", "dy by Y"};
    for (uint32_t term = 0; term < kMotionTerms; ++term) {
      PairColumn column{std::string("motion of f0: ") + names[term], "pixels", {}};
      for (size_t at = term; at < carrier.coefficients.size(); at += carrier.num_terms()) {
        column.values.push_back(static_cast<float>(carrier.coefficients[at]) / 256);
      }
      columns.push_back(std::move(column));
    }
  }
  for (uint32_t atom = 0; atom < carrier.num_atoms; ++atom) {
    PairColumn weight{"weight of atom " + std::to_string(atom), "", {}};
    for (size_t at = carrier.motion_terms() + atom; at < carrier.coefficients.size(); at += carrier.num_terms()) {
      weight.values.push_back(carrier.coefficients[at] * carrier.coefficient_scales[atom]);
    }
    columns.push_back(std::move(weight));
  }
  return columns;
}

}  // namespace

Result<Member> EncodeScene(const Scene& scene, int mask_level, const CodingContext& context) {
  KIT_TRY(CheckScene(scene, context.limits));
  Member member;
  member.codec = kCodecId;
  member.frame_size = scene.frame_size;
  member.sections.resize(kNumSections);
  // First the section that may be refused.
  KIT_ASSIGN(member.sections[kMaps], EncodeMask(scene.mask, {mask_level}, context.limits, *context.progress));
  member.sections[kRenderer] = EncodeRenderer(scene.renderer);
  member.sections[kCarrier] = EncodeCarrier(scene.carrier, scene.selector);
  return member;
}

Result<Scene> DecodeScene(const Member& member, const CodingContext& context) {
  KIT_ASSIGN(Rest rest, DecodeRest(member, context.limits));
  Scene scene;
  scene.frame_size = member.frame_size;
  scene.renderer = std::move(rest.renderer);
  scene.carrier = std::move(rest.carrier.carrier);
  scene.selector = std::move(rest.carrier.selector);
  KIT_ASSIGN(scene.mask, DecodeMask(member.sections[kMaps], context.threads, context.limits, *context.progress));
  return scene;
}

Result<Description> Describe(const Member& member, DescribeDepth depth, const CodingContext& context) {
  KIT_ASSIGN(Rest rest, DecodeRest(member, context.limits));
  const std::vector<Bytes>& sections = member.sections;
  const uint64_t num_weights = CountWeights(RendererTensors(rest.renderer.shape));
  const auto size = [&sections](Section section) { return static_cast<double>(sections[section].size()); };
  Description description;
  description.num_pairs = rest.maps.count;
  description.facts = FactsOf(rest, num_weights);
  std::vector<StreamPart> maps_parts;
  if (depth == DescribeDepth::kWhole) {
    KIT_TRY(DecodeMask(sections[kMaps], context.threads, context.limits, *context.progress));
  } else if (depth == DescribeDepth::kMeasured) {
    KIT_ASSIGN(MeasuredMask maps, MeasureMask(sections[kMaps], context.threads, context.limits, *context.progress));
    maps_parts = std::move(maps.parts);
    description.pair_bits = std::move(maps.map_bits);
    description.maps = std::move(maps.clip);
    description.columns = ColumnsOf(rest.carrier);
  }
  const RendererShape& shape = rest.renderer.shape;
  const std::string renderer = std::to_string(num_weights) + " weights, width " + std::to_string(shape.width) + ", " +
                               std::to_string(shape.dilations.size()) + " blocks" +
                               Fixed(", %.3f bits each", 8 * size(kRenderer) / static_cast<double>(num_weights)) +
                               (rest.renderer.preimage ? ", f1 as its pre-image" : "");
  const Carrier& carrier = rest.carrier.carrier;
  std::string how = carrier.moves ? "motions of " + std::to_string(kMotionTerms) + " terms" : "";
  if (carrier.num_atoms > 0) {
    how += (how.empty() ? "" : ", ") + std::to_string(carrier.num_atoms) + " atoms of " +
           std::to_string(carrier.grid_width) + " x " + std::to_string(carrier.grid_height);
  }
  const std::string atoms = how + Fixed(", %.2f bytes a pair", size(kCarrier) / rest.maps.count);
  description.sections = {
      {"maps", "class maps", sections[kMaps].size(), DescribeMask(rest.maps, sections[kMaps].size()),
       std::move(maps_parts)},
      {"renderer", "renderer of f1", sections[kRenderer].size(), renderer, std::move(rest.renderer_parts)},
      {"carrier", "carrier of f0", sections[kCarrier].size(), atoms, std::move(rest.carrier.parts)}};
  return description;
}

}  // namespace kitsink::strict
