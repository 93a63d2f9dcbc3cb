// Codes the carrier of f0 and its selector.

#include "codecs/strict/carrier_section.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <string>

#include "kitsink/coded_section.h"
#include "kitsink/hash.h"
#include "kitsink/number_table.h"

namespace kitsink::strict {
namespace {

constexpr uint32_t kUsualAtoms = 12, kUsualHeight = 24, kUsualWidth = 32;
constexpr float kUsualGrey = 127.5F, kUsualAmplitude = 64;

// Green first: it tells most about the other two.
constexpr uint32_t kChannelOrder[] = {1, 0, 2};

template <typename Coder>
void CodeShape(SectionBits<Coder>& bits, Carrier& carrier) {
  const bool usual =
      carrier.num_atoms == kUsualAtoms && carrier.grid_height == kUsualHeight && carrier.grid_width == kUsualWidth;
  if (bits.CodeUsual(usual)) {
    carrier.num_atoms = kUsualAtoms;
    carrier.grid_height = kUsualHeight;
    carrier.grid_width = kUsualWidth;
    return;
  }
  carrier.num_atoms = bits.CodeRaw(carrier.num_atoms, 6);
  carrier.grid_height = bits.CodeRaw(carrier.grid_height, 8);
  carrier.grid_width = bits.CodeRaw(carrier.grid_width, 8);
}

template <typename Coder>
float CodeFloat(SectionBits<Coder>& bits, float value) {
  return std::bit_cast<float>(bits.CodeRaw(std::bit_cast<uint32_t>(value), 32));
}

template <typename Coder>
void CodeLevels(SectionBits<Coder>& bits, Carrier& carrier) {
  if (bits.CodeUsual(carrier.grey == kUsualGrey && carrier.amplitude == kUsualAmplitude)) {
    carrier.grey = kUsualGrey;
    carrier.amplitude = kUsualAmplitude;
    return;
  }
  carrier.grey = CodeFloat(bits, carrier.grey);
  carrier.amplitude = CodeFloat(bits, carrier.amplitude);
}

// Scales are alike, so sign and exponent are coded as the previous one's, or anew; a zero fraction is a flag.
template <typename Coder>
void CodeScales(SectionBits<Coder>& bits, std::vector<float>& scales) {
  AdaptiveBit same, no_fraction;
  uint32_t before = 0;
  for (float& scale : scales) {
    const auto pattern = std::bit_cast<uint32_t>(scale);
    if (!bits.CodeAdaptive(same, pattern >> 23 == before)) before = bits.CodeRaw(pattern >> 23, 9);
    const bool whole = bits.CodeAdaptive(no_fraction, (pattern & 0x7fffff) == 0);
    scale = std::bit_cast<float>(before << 23 | (whole ? 0 : bits.CodeRaw(pattern & 0x7fffff, 23)));
  }
}

template <typename Coder>
void CodeSelector(SectionBits<Coder>& bits, std::vector<uint8_t>& selector) {
  AdaptiveBit chosen;
  std::array<AdaptiveBit, 8> modes;
  for (uint8_t& mode : selector) {
    if (!bits.CodeAdaptive(chosen, mode != 0)) {
      mode = 0;
      continue;
    }
    mode = static_cast<uint8_t>(bits.CodeTree(modes, mode, 3));
  }
}

// The basis as a table: a row for each pixel, a column for each atom and channel.
TableShape BasisShape(const Carrier& carrier) {
  return {TableKind::kGrid, carrier.grid_height * carrier.grid_width, 3 * carrier.num_atoms, carrier.grid_width};
}

size_t BasisIndex(const TableShape& shape, uint32_t pixel, uint32_t column) {
  return (size_t{column / 3} * 3 + kChannelOrder[column % 3]) * shape.num_rows + pixel;
}

template <typename Visit>
void VisitBasis(const TableShape& shape, Visit visit) {
  for (uint32_t pixel = 0; pixel < shape.num_rows; ++pixel) {
    for (uint32_t column = 0; column < shape.num_columns; ++column) {
      visit(BasisIndex(shape, pixel, column), size_t{pixel} * shape.num_columns + column);
    }
  }
}

uint16_t Checksum(const Carrier& carrier, std::span<const uint8_t> selector) {
  ByteWriter writer;
  writer.F32(carrier.grey);
  writer.F32(carrier.amplitude);
  for (const float scale : carrier.basis_scales) writer.F32(scale);
  for (const float scale : carrier.coefficient_scales) writer.F32(scale);
  writer.Append(selector);
  for (const int8_t code : carrier.basis) writer.U8(static_cast<uint8_t>(code));
  for (const int16_t code : carrier.coefficients) writer.U16(static_cast<uint16_t>(code));
  return Crc16(writer.Take());
}

bool AllFinite(const Carrier& carrier) {
  const auto finite = [](float value) { return std::isfinite(value); };
  return std::ranges::all_of(carrier.basis_scales, finite) && std::ranges::all_of(carrier.coefficient_scales, finite) &&
         finite(carrier.grey) && finite(carrier.amplitude);
}

// Everything of a carrier with atoms before the two tables.
template <typename Coder>
void CodeFields(SectionBits<Coder>& bits, Carrier& carrier, std::vector<uint8_t>& selector) {
  if (!carrier.moves) CodeLevels(bits, carrier);
  CodeScales(bits, carrier.basis_scales);
  CodeScales(bits, carrier.coefficient_scales);
  CodeSelector(bits, selector);
}

// Narrows a decoded table to the type of its codes; false when a value does not fit.
template <typename T>
bool Narrow(int32_t value, T& code) {
  code = static_cast<T>(value);
  return code == value;
}

double Sum(std::span<const double> bits) {
  double sum = 0;
  for (const double column : bits) sum += column;
  return sum;
}

}  // namespace

Status CheckCarrierValues(const Carrier& carrier, std::span<const uint8_t> selector, uint64_t num_pairs) {
  const auto fail = [](const std::string& what, uint64_t got, uint64_t expected) {
    return Error{Code::kInvalidArgument,
                 "carrier: " + what + ": got " + std::to_string(got) + ", expected " + std::to_string(expected)};
  };
  const uint64_t atoms = carrier.num_atoms;
  const uint64_t basis = 3 * atoms * carrier.grid_height * carrier.grid_width;
  if (carrier.basis.size() != basis) return fail("codes of the basis", carrier.basis.size(), basis);
  if (carrier.basis_scales.size() != atoms) return fail("scales of the basis", carrier.basis_scales.size(), atoms);
  if (carrier.coefficient_scales.size() != atoms) {
    return fail("scales of the coefficients", carrier.coefficient_scales.size(), atoms);
  }
  if (const uint64_t terms = num_pairs * carrier.num_terms(); carrier.coefficients.size() != terms) {
    return fail("coefficients", carrier.coefficients.size(), terms);
  }
  if (selector.size() != num_pairs) return fail("modes of the selector", selector.size(), num_pairs);
  for (const uint8_t mode : selector) {
    if (mode >= 8)
      return Error{Code::kInvalidArgument, "selector: got mode " + std::to_string(mode) + ", expected 0 to 7"};
  }
  if (!AllFinite(carrier)) return Error{Code::kInvalidArgument, "carrier: a scale, grey or amplitude is not finite"};
  return Ok();
}

Bytes EncodeCarrier(const Carrier& carrier, std::span<const uint8_t> selector) {
  BinaryEncoder coder;
  SectionBits<BinaryEncoder> bits(coder);
  Carrier copy = carrier;
  std::vector<uint8_t> modes(selector.begin(), selector.end());
  // Version 1 adds atoms to grey, version 2 moves f1's picture, version 3 adds atoms to it.
  for (int later = carrier.moves ? (carrier.num_atoms > 0 ? 2 : 1) : 0; later > 0; --later) bits.CodeUsual(false);
  bits.CodeVersion();
  if (carrier.num_atoms == 0) {
    CodeSelector(bits, modes);
  } else {
    CodeShape(bits, copy);
    CodeFields(bits, copy, modes);
    const TableShape shape = BasisShape(carrier);
    std::vector<int32_t> basis(shape.num_values());
    VisitBasis(shape, [&](size_t index, size_t at) { basis[at] = carrier.basis[index]; });
    EncodeTable(coder, shape, basis);
  }
  const std::vector<int32_t> coefficients(carrier.coefficients.begin(), carrier.coefficients.end());
  EncodeTable(coder, {TableKind::kTrack, static_cast<uint32_t>(selector.size()), carrier.num_terms()}, coefficients);
  return FinishSection(coder, Checksum(carrier, selector));
}

Result<DecodedCarrier> DecodeCarrier(std::span<const uint8_t> section, uint32_t num_pairs) {
  KIT_ASSIGN(const CodedSection coded, OpenSection(section, "carrier"));
  BinaryDecoder coder(coded.code);
  SectionBits<BinaryDecoder> bits(coder);
  int version = 1;
  while (!bits.CodeVersion()) {
    if (++version > 3) return UnknownVersion("carrier");
  }
  DecodedCarrier decoded;
  Carrier& carrier = decoded.carrier;
  carrier.moves = version > 1;
  decoded.selector.resize(num_pairs);
  bool fits = true;
  std::vector<double> basis_bits;
  if (version == 2) {
    CodeSelector(bits, decoded.selector);
  } else {
    CodeShape(bits, carrier);
    if (carrier.num_atoms == 0) return Error{Code::kCorrupt, "carrier: atoms: got 0, expected 1 to 32"};
    if (const Status status = CheckCarrierShape(carrier); !status.ok()) {
      return Error{Code::kCorrupt, status.error().message};
    }
    carrier.basis_scales.resize(carrier.num_atoms);
    carrier.coefficient_scales.resize(carrier.num_atoms);
    CodeFields(bits, carrier, decoded.selector);
    const TableShape shape = BasisShape(carrier);
    basis_bits.resize(shape.num_columns);
    const std::vector<int32_t> basis = DecodeTable(coder, shape, basis_bits);
    carrier.basis.resize(basis.size());
    VisitBasis(shape, [&](size_t index, size_t at) { fits = Narrow(basis[at], carrier.basis[index]) && fits; });
  }
  std::vector<double> coefficient_bits(carrier.num_terms());
  const std::vector<int32_t> coefficients =
      DecodeTable(coder, {TableKind::kTrack, num_pairs, carrier.num_terms()}, coefficient_bits);
  carrier.coefficients.resize(coefficients.size());
  for (size_t i = 0; i < coefficients.size(); ++i) fits = Narrow(coefficients[i], carrier.coefficients[i]) && fits;
  if (!fits || !AllFinite(carrier)) return Error{Code::kCorrupt, "carrier: a code or a scale is out of range"};
  KIT_TRY(CloseSection(coder, coded, Checksum(carrier, decoded.selector), "carrier"));
  const std::span<const double> columns = coefficient_bits;
  const uint32_t motion = carrier.motion_terms();
  if (carrier.num_atoms > 0) decoded.parts.push_back({"basis", Sum(basis_bits), carrier.basis.size()});
  if (carrier.moves) {
    decoded.parts.push_back({"motions", Sum(columns.first(motion)), uint64_t{motion} * num_pairs});
  }
  if (carrier.num_atoms > 0) {
    decoded.parts.push_back({"coefficients", Sum(columns.subspan(motion)), uint64_t{carrier.num_atoms} * num_pairs});
  }
  decoded.parts.push_back({carrier.num_atoms > 0 ? "scales and selector" : "selector", bits.bits(),
                           2 * uint64_t{carrier.num_atoms} + num_pairs});
  AddRest(section.size(), decoded.parts);
  return decoded;
}

}  // namespace kitsink::strict
