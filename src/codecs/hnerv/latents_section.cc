// Codes the latent vectors, their minima and scales as a table of halves, and the corrections.

#include "codecs/hnerv/latents_section.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <string>

#include "kitsink/half.h"
#include "kitsink/number_table.h"
#include "kitsink/section_bits.h"

namespace kitsink::hnerv {
namespace {

constexpr uint32_t kUsualPairs = 600;
constexpr float kUsualUnit = 0.01F;

// Coded dimensions are indices; the number of dimensions stands for none.
template <typename Coder>
void CodeCorrections(SectionBits<Coder>& bits, Latents& latents) {
  std::vector<AdaptiveBit> dims(size_t{1} << std::bit_width(latents.dims));
  std::array<AdaptiveBit, 256> steps;
  if (!bits.CodeUsual(latents.correction_unit == kUsualUnit)) {
    latents.correction_unit = std::bit_cast<float>(bits.CodeRaw(std::bit_cast<uint32_t>(latents.correction_unit), 32));
  } else {
    latents.correction_unit = kUsualUnit;
  }
  for (Correction& correction : latents.corrections) {
    const uint32_t wanted = correction.dim == Correction::kNone ? latents.dims : correction.dim;
    const uint32_t dim = bits.CodeTree(dims, wanted, std::bit_width(latents.dims));
    correction.dim = static_cast<uint8_t>(dim == latents.dims ? Correction::kNone : dim);
    if (dim == latents.dims) continue;
    correction.steps = static_cast<int8_t>(bits.CodeTree(steps, static_cast<uint8_t>(correction.steps), 8));
  }
}

TableShape CodesShape(const Latents& latents) { return {TableKind::kVectors, latents.num_pairs, latents.dims, 0}; }
TableShape GridsShape(const Latents& latents) { return {TableKind::kHalves, latents.dims, 2, 0}; }

}  // namespace

Status CheckLatents(const Latents& latents, const Limits& limits) {
  const auto fail = [](const std::string& what, uint64_t got, const std::string& expected) {
    return Error{Code::kInvalidArgument,
                 "latents: " + what + ": got " + std::to_string(got) + ", expected " + expected};
  };
  if (latents.num_pairs < 1 || latents.num_pairs > limits.max_pairs) {
    return fail("pairs", latents.num_pairs, "1 to " + std::to_string(limits.max_pairs));
  }
  if (latents.dims < 1 || latents.dims > limits.max_track_dims) {
    return fail("dimensions", latents.dims, "1 to " + std::to_string(limits.max_track_dims));
  }
  const uint64_t codes = uint64_t{latents.num_pairs} * latents.dims;
  if (latents.codes.size() != codes) return fail("codes", latents.codes.size(), std::to_string(codes));
  for (const std::vector<uint16_t>* const halves : {&latents.minimum, &latents.scale}) {
    if (halves->size() != latents.dims) return fail("minima or scales", halves->size(), std::to_string(latents.dims));
    if (!std::ranges::all_of(*halves, IsFiniteHalf)) {
      return Error{Code::kInvalidArgument, "latents: a minimum or a scale is not finite"};
    }
  }
  if (!latents.corrections.empty() && latents.corrections.size() != latents.num_pairs) {
    return fail("corrections", latents.corrections.size(), "none or " + std::to_string(latents.num_pairs));
  }
  for (const Correction& correction : latents.corrections) {
    if (correction.dim >= latents.dims && correction.dim != Correction::kNone) {
      return Error{Code::kInvalidArgument, "latents: a correction of dimension " + std::to_string(correction.dim) +
                                               ", expected below " + std::to_string(latents.dims)};
    }
    if ((correction.dim == Correction::kNone) != (correction.steps == 0)) {
      return Error{Code::kInvalidArgument, "latents: a correction of dimension " + std::to_string(correction.dim) +
                                               " has " + std::to_string(correction.steps) + " steps"};
    }
  }
  if (!std::isfinite(latents.correction_unit)) {
    return Error{Code::kInvalidArgument, "latents: the correction unit is not finite"};
  }
  return Ok();
}

void EncodeLatents(BinaryEncoder& coder, const Latents& latents) {
  SectionBits<BinaryEncoder> bits(coder);
  if (!bits.CodeUsual(latents.num_pairs == kUsualPairs)) bits.CodeRaw(latents.num_pairs, 32);
  std::vector<int32_t> grids;
  for (size_t dim = 0; dim < latents.dims; ++dim) {
    grids.push_back(latents.minimum[dim]);
    grids.push_back(latents.scale[dim]);
  }
  EncodeTable(coder, GridsShape(latents), grids);
  EncodeTable(coder, CodesShape(latents), std::vector<int32_t>(latents.codes.begin(), latents.codes.end()));
  Latents copy = latents;
  if (bits.CodeRaw(latents.corrections.empty() ? 0 : 1, 1) != 0) CodeCorrections(bits, copy);
}

Result<Latents> DecodeLatents(BinaryDecoder& coder, uint32_t dims, const Limits& limits,
                              std::vector<StreamPart>* parts) {
  Latents latents;
  latents.dims = dims;
  SectionBits<BinaryDecoder> bits(coder);
  latents.num_pairs = bits.CodeUsual(true) ? kUsualPairs : bits.CodeRaw(0, 32);
  if (latents.num_pairs > limits.max_pairs) {
    return Error{Code::kLimit, "latents: declared " + std::to_string(latents.num_pairs) + " pairs, limit " +
                                   std::to_string(limits.max_pairs)};
  }
  std::vector<double> grid_bits(parts != nullptr ? 2 : 0), code_bits(parts != nullptr ? dims : 0);
  const std::vector<int32_t> grids = DecodeTable(coder, GridsShape(latents), grid_bits);
  for (size_t dim = 0; dim < dims; ++dim) {
    latents.minimum.push_back(static_cast<uint16_t>(grids[2 * dim]));
    latents.scale.push_back(static_cast<uint16_t>(grids[2 * dim + 1]));
  }
  for (const int32_t code : DecodeTable(coder, CodesShape(latents), code_bits)) {
    if (code < 0 || code > 255) {
      return Error{Code::kCorrupt, "latents: got a code of " + std::to_string(code) + ", expected 0 to 255"};
    }
    latents.codes.push_back(static_cast<uint8_t>(code));
  }
  if (bits.CodeRaw(0, 1) != 0) {
    latents.corrections.resize(latents.num_pairs);
    CodeCorrections(bits, latents);
  }
  if (const Status status = CheckLatents(latents, limits); !status.ok()) {
    return Error{Code::kCorrupt, status.error().message};
  }
  if (parts != nullptr) {
    for (size_t dim = 0; dim < dims; ++dim) {
      parts->push_back({"dimension " + std::to_string(dim), code_bits[dim], latents.num_pairs});
    }
    parts->push_back({"minima and scales", grid_bits[0] + grid_bits[1], 2 * uint64_t{dims}});
    parts->push_back({"pairs and corrections", bits.bits(), latents.corrections.size()});
  }
  return latents;
}

}  // namespace kitsink::hnerv
