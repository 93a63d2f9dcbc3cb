// Reads members of two Brotli streams whose sizes and orders the program knows: packed (FF) and fixed (HN1).

#include <algorithm>
#include <numeric>
#include <string>
#include <utility>

#include "codecs/hnerv/foreign/forms.h"
#include "codecs/hnerv/foreign/published.h"

namespace kitsink::hnerv {
namespace {

constexpr size_t kScaleBytes = 4 * kPublishedTensors;

void ReadCodes(ByteReader& reader, size_t count, std::vector<int8_t>& codes) {
  for (const uint8_t byte : reader.Take(count)) codes.push_back(Unzigzag(byte));
}

// Low bytes, minima, scales, high bytes.
Result<Latents> ReadLatents(std::span<const uint8_t> stream) {
  KIT_ASSIGN(const Bytes bytes, Unfold(stream, "latents", 2 * kPublishedLatents + 4 * size_t{kPublishedDims}));
  ByteReader reader(bytes);
  const std::span<const uint8_t> low = reader.Take(kPublishedLatents);
  const std::vector<uint16_t> minima = ReadHalves(reader, kPublishedDims), scales = ReadHalves(reader, kPublishedDims);
  Latents latents = LatentsOfPlanes(kPublishedPairs, kPublishedDims, low, reader.Take(kPublishedLatents));
  latents.minimum = minima;
  latents.scale = scales;
  return latents;
}

Error EndsEarly(const std::string& what, size_t position) {
  return Error{Code::kCorrupt, what + " ends early, at byte " + std::to_string(position)};
}

void ListSections(size_t head, size_t decoder, size_t latents, ForeignScene& foreign) {
  foreign.sections = {{"head", "magic and lengths", head, "", {}},
                      {"decoder", "decoder weights", decoder, "", {}},
                      {"latents", "latents", latents, "", {}}};
}

}  // namespace

Result<ForeignScene> ReadPacked(std::span<const uint8_t> member) {
  ByteReader reader(member);
  reader.U8();
  const uint32_t decoder_bytes = reader.U16() | static_cast<uint32_t>(reader.U8()) << 16;
  if (reader.overran() || decoder_bytes > reader.remaining()) return EndsEarly("decoder:", member.size());
  const std::span<const uint8_t> decoder = reader.Take(decoder_bytes), latents = reader.Take(reader.remaining());
  KIT_ASSIGN(const Bytes bytes, Unfold(decoder, "decoder", kPublishedCodes + kScaleBytes));
  ForeignScene foreign;
  foreign.form = "packed";
  ListSections(4, decoder.size(), latents.size(), foreign);
  // Large tensors first.
  const std::vector<DecoderTensor>& specs = PublishedTensors();
  std::vector<size_t> order(specs.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::ranges::stable_sort(order, std::greater(), [&](size_t i) { return specs[i].layout.num_codes(); });
  foreign.scene.tensors.resize(specs.size());
  ByteReader content(bytes);
  for (const size_t i : order) ReadCodes(content, specs[i].layout.num_codes(), foreign.scene.tensors[i].codes);
  for (const size_t i : order) foreign.scene.tensors[i].scale = content.F32();
  KIT_ASSIGN(foreign.scene.latents, ReadLatents(latents));
  return foreign;
}

Result<ForeignScene> ReadFixed(std::span<const uint8_t> member) {
  constexpr size_t kMagicBytes = 3;
  const std::vector<std::span<const uint8_t>> parts = SplitParts(member.subspan(kMagicBytes), 2);
  if (parts.empty()) {
    return Error{Code::kCorrupt, "the two lengths do not add up to " + std::to_string(member.size()) +
                                     " bytes, at byte " + std::to_string(kMagicBytes)};
  }
  KIT_ASSIGN(const Bytes bytes, Unfold(parts[0], "decoder", kPublishedCodes + kScaleBytes));
  ForeignScene foreign;
  foreign.form = "fixed";
  ListSections(kMagicBytes + 8, parts[0].size(), parts[1].size(), foreign);
  ByteReader content(bytes);
  for (const DecoderTensor& spec : PublishedTensors()) {
    Int8Tensor& tensor = foreign.scene.tensors.emplace_back();
    tensor.scale = content.F32();
    ReadCodes(content, spec.layout.num_codes(), tensor.codes);
  }
  KIT_ASSIGN(foreign.scene.latents, ReadLatents(parts[1]));
  return foreign;
}

}  // namespace kitsink::hnerv
