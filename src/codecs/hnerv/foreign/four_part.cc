// Reads members of four parts: codes, scales, latents, corrections.

#include <string>
#include <utility>

#include "codecs/hnerv/foreign/forms.h"
#include "codecs/hnerv/foreign/published.h"
#include "kitsink/half.h"

namespace kitsink::hnerv {
namespace {

// u16 pairs, then a dimension, 255 for none, and steps of each.
Result<std::vector<Correction>> ReadCorrections(std::span<const uint8_t> stream, uint32_t num_pairs) {
  if (stream.empty()) return std::vector<Correction>();  // the published reader takes this as none
  KIT_ASSIGN(const Bytes bytes, Unfold(stream, "corrections", 2 + 2 * uint64_t{num_pairs}));
  ByteReader reader(bytes);
  if (const uint16_t declared = reader.U16(); declared != num_pairs) {
    return Error{Code::kCorrupt, "corrections: declared " + std::to_string(declared) + " pairs, expected " +
                                     std::to_string(num_pairs) + ", at byte 0"};
  }
  std::vector<Correction> corrections(num_pairs);
  for (Correction& correction : corrections) {
    const uint8_t dim = reader.U8();
    const auto steps = static_cast<int8_t>(reader.U8());
    if (dim != Correction::kNone && steps != 0) correction = {dim, steps};
  }
  return corrections;
}

}  // namespace

Result<ForeignScene> ReadFourPart(std::span<const uint8_t> member, const Limits& limits) {
  const std::vector<std::span<const uint8_t>> parts = SplitParts(member, 4);
  if (parts[1].size() != 2 * kPublishedTensors) {
    return Error{Code::kCorrupt, "scales: got " + std::to_string(parts[1].size()) + " bytes, expected 56, at byte " +
                                     std::to_string(4 + parts[0].size())};
  }
  KIT_ASSIGN(const Bytes codes, Unfold(parts[0], "decoder", kPublishedCodes));
  ForeignScene foreign;
  foreign.form = "four parts";
  foreign.sections = {{"lengths", "lengths", 16, "", {}},
                      {"decoder", "decoder weights", parts[0].size(), "", {}},
                      {"scales", "scales of the decoder", parts[1].size(), "", {}},
                      {"latents", "latents", parts[2].size(), "", {}},
                      {"corrections", "corrections", parts[3].size(), "", {}}};
  Scene& scene = foreign.scene;
  ByteReader content(codes), scales(parts[1]);
  for (const DecoderTensor& spec : PublishedTensors()) {
    Int8Tensor& tensor = scene.tensors.emplace_back();
    tensor.scale = HalfToFloat(scales.U16());
    const std::span<const uint8_t> values = content.Take(spec.layout.num_codes());
    tensor.codes.assign(values.begin(), values.end());  // two's complement in both
  }
  KIT_ASSIGN(scene.latents, ReadLatentTable(parts[2], limits));
  KIT_ASSIGN(scene.latents.corrections, ReadCorrections(parts[3], scene.latents.num_pairs));
  return foreign;
}

}  // namespace kitsink::hnerv
