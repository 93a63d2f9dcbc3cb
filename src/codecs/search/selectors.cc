// Defines the effect of selector codes, and reads and writes stream r, which stores them.

#include "codecs/search/selectors.h"

#include <algorithm>
#include <array>
#include <string>

#include "kitsink/bit_io.h"
#include "kitsink/random.h"

namespace kitsink::search {
namespace {

struct TailFormat {
  TailKind kind;
  std::string_view tag;
  int bits;
};

constexpr size_t kTagBytes = 5;
constexpr std::array<TailFormat, 3> kFormats = {
    {{TailKind::kStartSeed, "F1S4B", 4}, {TailKind::kPoseFactor, "PSEL3", 3}, {TailKind::kLossControl, "LCT3B", 3}}};

const TailFormat& FormatOf(TailKind kind) { return kFormats[static_cast<size_t>(kind)]; }

}  // namespace

std::string_view TailTag(TailKind kind) { return FormatOf(kind).tag; }

int TailBits(TailKind kind) { return FormatOf(kind).bits; }

const Tail* SelectorTable::Find(TailKind kind) const {
  const auto tail = std::find_if(tails.begin(), tails.end(), [kind](const Tail& t) { return t.kind == kind; });
  return tail == tails.end() ? nullptr : &*tail;
}

uint8_t SelectorTable::CodeOf(TailKind kind, size_t pair) const {
  const Tail* const tail = Find(kind);
  if (tail == nullptr) return 0;
  return tail->codes[kind == TailKind::kLossControl ? pair / kPairsPerLossControl : pair];
}

size_t NumCodes(TailKind kind, size_t num_pairs) {
  return kind == TailKind::kLossControl ? (num_pairs + kPairsPerLossControl - 1) / kPairsPerLossControl : num_pairs;
}

StartPattern StartPatternOf(uint8_t code) {
  KIT_CHECK(code >= 1 && code <= 15);
  constexpr std::array<std::array<uint32_t, 2>, 5> kGrids = {{{6, 8}, {24, 32}, {96, 128}, {192, 256}, {384, 512}}};
  constexpr std::array<float, 3> kAmplitudes = {1, 2, 4};
  const auto& [rows, columns] = kGrids[(code - 1U) / 3];
  StartPattern pattern{rows, columns, kAmplitudes[(code - 1U) % 3], {}};
  SplitMix64 random(code);
  uint64_t bits = 0;
  for (size_t i = 0; i < size_t{3} * rows * columns; ++i, bits >>= 1) {
    if (i % 64 == 0) bits = random.Next();
    pattern.signs.push_back((bits & 1) != 0 ? 1 : -1);
  }
  return pattern;
}

float PoseFactorOf(uint8_t code) {
  constexpr std::array<float, 8> kFactors = {1, 0.5F, 0.75F, 0.9F, 1.1F, 1.25F, 1.5F, 2};
  return kFactors[code];
}

LossFactors LossFactorsOf(uint8_t code, uint32_t step, uint32_t num_steps) {
  constexpr std::array<double, 7> kRatios = {1, 0.5, 2, 0.25, 4, 0.125, 8};
  if (code < kRatios.size()) return {kRatios[code], 1};
  return step < num_steps / 2 ? LossFactors{0, 1} : LossFactors{1, 0};
}

Result<Bytes> EncodeSelectors(const SelectorTable& table) {
  ByteWriter writer;
  for (size_t i = 0; i < table.tails.size(); ++i) {
    const Tail& tail = table.tails[i];
    const TailFormat& format = FormatOf(tail.kind);
    const std::string where = "selectors: " + std::string(format.tag) + ": ";
    if (i > 0 && tail.kind <= table.tails[i - 1].kind) {
      return Error{Code::kInvalidArgument, where + "comes after " + std::string(TailTag(table.tails[i - 1].kind)) +
                                               ", expected each kind at most once and in order"};
    }
    if (tail.codes.empty() || tail.codes.size() > 65535) {
      return Error{Code::kInvalidArgument,
                   where + "got " + std::to_string(tail.codes.size()) + " codes, expected 1 to 65535"};
    }
    BitWriter bits;
    for (const uint8_t code : tail.codes) {
      if (code >> format.bits != 0) {
        return Error{Code::kInvalidArgument, where + "got code " + std::to_string(code) + ", expected less than " +
                                                 std::to_string(1 << format.bits)};
      }
      bits.Write(code, format.bits);
    }
    writer.Append(std::span(reinterpret_cast<const uint8_t*>(format.tag.data()), kTagBytes));
    writer.U16(static_cast<uint16_t>(tail.codes.size()));
    writer.Append(bits.Take());
  }
  return writer.Take();
}

Result<SelectorTable> DecodeSelectors(std::span<const uint8_t> stream, const Limits& limits) {
  SelectorTable table;
  ByteReader reader(stream);
  while (reader.remaining() > 0) {
    const std::string at = ", at byte " + std::to_string(reader.position());
    const std::span<const uint8_t> tag = reader.Take(kTagBytes);
    const size_t num_codes = reader.U16();
    if (reader.overran()) break;
    const auto format = std::find_if(kFormats.begin(), kFormats.end(), [tag](const TailFormat& f) {
      return std::equal(tag.begin(), tag.end(), f.tag.begin());
    });
    if (format == kFormats.end()) {
      return Error{Code::kCorrupt,
                   "selectors: unknown tail " + Quoted({reinterpret_cast<const char*>(tag.data()), tag.size()}) + at};
    }
    const std::string where = "selectors: " + std::string(format->tag);
    if (!table.tails.empty() && format->kind <= table.tails.back().kind) {
      return Error{Code::kCorrupt, where + ": comes after " + std::string(TailTag(table.tails.back().kind)) +
                                       ", expected each kind at most once and in order" + at};
    }
    if (num_codes == 0) return Error{Code::kCorrupt, where + ": declared 0 codes, expected at least 1" + at};
    if (num_codes > limits.max_pairs) {
      return Error{Code::kLimit, where + ": declared " + std::to_string(num_codes) + " codes, limit " +
                                     std::to_string(limits.max_pairs) + at};
    }
    const std::span<const uint8_t> packed = reader.Take((num_codes * static_cast<size_t>(format->bits) + 7) / 8);
    if (reader.overran()) break;
    Tail tail{format->kind, std::vector<uint8_t>(num_codes)};
    BitReader bits(packed);
    for (uint8_t& code : tail.codes) code = static_cast<uint8_t>(bits.Read(format->bits));
    KIT_TRY(bits.Finish(where));
    table.tails.push_back(std::move(tail));
  }
  KIT_TRY(reader.Finish("selectors"));
  return table;
}

std::vector<StreamPart> MeasureSelectors(const SelectorTable& table) {
  std::vector<StreamPart> parts;
  for (const Tail& tail : table.tails) {
    const size_t packed_bytes = (tail.codes.size() * static_cast<size_t>(TailBits(tail.kind)) + 7) / 8;
    parts.push_back(
        {std::string(TailTag(tail.kind)), 8.0 * static_cast<double>(kTagBytes + 2 + packed_bytes), tail.codes.size()});
  }
  return parts;
}

}  // namespace kitsink::search
