// Reads PR101's members, three parts of known lengths, and PR110's, which add a selector of f0.

#include <algorithm>
#include <array>
#include <bit>
#include <string>
#include <utility>

#include "codecs/hnerv/foreign/forms.h"
#include "codecs/hnerv/foreign/published.h"
#include "kitsink/brotli.h"
#include "kitsink/half.h"
#include "kitsink/lzma.h"

namespace kitsink::hnerv {
namespace {

// ---- decoder -------------------------------------------------------------------------------------------------------

enum class Bytewise { kZigzag, kNegated, kTwosComplement, kCentred };

struct StoredTensor {
  size_t index;                   // in the state dict
  std::array<uint8_t, 4> axes{};  // of the state dict, in the order of storage; all 0: as it is
  Bytewise map = Bytewise::kZigzag;
};

// In the order of storage.
constexpr std::array<StoredTensor, kPublishedTensors> kStored = {{{14, {1, 0, 2, 3}, Bytewise::kNegated},
                                                                  {22, {0, 3, 2, 1}},
                                                                  {7},
                                                                  {6},
                                                                  {19},
                                                                  {10, {3, 0, 2, 1}},
                                                                  {25},
                                                                  {4, {3, 0, 2, 1}},
                                                                  {20, {0, 3, 2, 1}, Bytewise::kTwosComplement},
                                                                  {9, {}, Bytewise::kNegated},
                                                                  {12, {3, 0, 1, 2}},
                                                                  {15},
                                                                  {5},
                                                                  {11},
                                                                  {18, {1, 0, 2, 3}},
                                                                  {1},
                                                                  {21},
                                                                  {3},
                                                                  {27, {}, Bytewise::kCentred},
                                                                  {13},
                                                                  {2, {3, 0, 2, 1}},
                                                                  {26, {0, 1, 3, 2}},
                                                                  {24, {0, 2, 3, 1}},
                                                                  {17},
                                                                  {16, {3, 0, 2, 1}},
                                                                  {23},
                                                                  {8, {3, 0, 1, 2}},
                                                                  {0}}};
// A Brotli stream ends after so many of them.
constexpr std::array<size_t, 7> kStreamEnds = {1, 2, 22, 23, 26, 27, 28};

int8_t CodeOf(uint8_t byte, Bytewise map) {
  switch (map) {
    case Bytewise::kZigzag: break;
    case Bytewise::kNegated: return static_cast<int8_t>(-Unzigzag(byte));
    case Bytewise::kTwosComplement: return static_cast<int8_t>(byte);
    case Bytewise::kCentred: return static_cast<int8_t>(byte - 128);
  }
  return Unzigzag(byte);
}

// Stored values, whose axes are permuted, in the state dict's order.
std::vector<int8_t> CodesOf(std::span<const uint8_t> bytes, const StoredTensor& stored, const Int8Layout& layout) {
  std::vector<int8_t> codes(bytes.size());
  if (stored.axes == std::array<uint8_t, 4>{}) {
    std::ranges::transform(bytes, codes.begin(), [&](uint8_t byte) { return CodeOf(byte, stored.map); });
    return codes;
  }
  const std::array<size_t, 4> sizes = {layout.rows, layout.columns, layout.kernel_height, layout.kernel_width};
  const std::array<size_t, 4> strides = {sizes[1] * sizes[2] * sizes[3], sizes[2] * sizes[3], sizes[3], 1};
  std::array<size_t, 4> at{};  // along the stored axes
  for (const uint8_t byte : bytes) {
    size_t place = 0;
    for (size_t axis = 0; axis < 4; ++axis) place += at[axis] * strides[stored.axes[axis]];
    codes[place] = CodeOf(byte, stored.map);
    for (size_t axis = 4; axis-- > 0;) {
      if (++at[axis] < sizes[stored.axes[axis]]) break;
      at[axis] = 0;
    }
  }
  return codes;
}

Result<std::vector<Int8Tensor>> ReadDecoder(std::span<const uint8_t> bytes) {
  const std::vector<DecoderTensor>& specs = PublishedTensors();
  std::vector<Int8Tensor> tensors(specs.size());
  size_t position = 0, next = 0;
  for (const size_t end : kStreamEnds) {
    uint64_t expected = 0;
    for (size_t i = next; i < end; ++i) expected += specs[kStored[i].index].layout.num_codes() + 2;
    const auto where = [&] { return "decoder: stream at byte " + std::to_string(position); };
    Result<Decompressed> stream = DecompressBrotli(bytes.subspan(position), expected);
    if (!stream.ok()) return Within(where(), stream.error());
    if (stream.value().bytes.size() != expected) {
      return Error{Code::kCorrupt, where() + ": decompresses to " + std::to_string(stream.value().bytes.size()) +
                                       " bytes, expected " + std::to_string(expected)};
    }
    ByteReader reader(stream.value().bytes);
    for (; next < end; ++next) {
      const size_t index = kStored[next].index;
      const Int8Layout& layout = specs[index].layout;
      tensors[index].codes = CodesOf(reader.Take(layout.num_codes()), kStored[next], layout);
      tensors[index].scale = HalfToFloat(reader.U16());
    }
    position += stream.value().read_bytes;
  }
  if (position == bytes.size()) return tensors;
  return Error{Code::kCorrupt, "decoder: " + std::to_string(bytes.size() - position) + " bytes left over, at byte " +
                                   std::to_string(position)};
}

// ---- latents -------------------------------------------------------------------------------------------------------

// Dimensions in the order of storage.
constexpr std::array<uint8_t, kPublishedDims> kDimOrder = {26, 0, 17, 15, 10, 24, 20, 12, 14, 21, 22, 18, 4,  11,
                                                           3,  7, 16, 2,  6,  8,  19, 23, 5,  9,  1,  13, 27, 25};

Result<Latents> ReadLatents(std::span<const uint8_t> bytes) {
  const Result<Bytes> unfolded = DecompressLzma(bytes, {}, kPublishedLatents + 4 * size_t{kPublishedDims});
  if (!unfolded.ok()) return Within("latents", unfolded.error());
  ByteReader reader(unfolded.value());
  Latents latents;
  latents.num_pairs = kPublishedPairs;
  latents.dims = kPublishedDims;
  latents.minimum = ReadHalves(reader, kPublishedDims);
  latents.scale = ReadHalves(reader, kPublishedDims);
  latents.codes.resize(kPublishedLatents);
  for (const uint8_t dim : kDimOrder) {
    uint8_t code = 0;
    for (size_t pair = 0; pair < kPublishedPairs; ++pair) {
      code = static_cast<uint8_t>(pair == 0 ? reader.U8() : code + reader.U8() - 128);
      latents.codes[pair * kPublishedDims + dim] = code;
    }
  }
  return latents;
}

// ---- corrections ---------------------------------------------------------------------------------------------------

constexpr std::array<int8_t, 16> kSteps = {-10, -8, -6, -5, -4, -3, -2, -1, 1, 2, 3, 4, 5, 6, 8, 10};
constexpr int kShortest = 2, kLongest = 8;      // code words, bits
constexpr uint32_t kKraftSum = 1U << kLongest;  // of a complete code, in units of the longest word
using CodeLengths = std::array<int, kSteps.size()>;

Error BadCorrections(const std::string& what, size_t position) {
  return Error{Code::kCorrupt, "corrections: " + what + ", at byte " + std::to_string(position)};
}

// The first bit is the highest of the first byte.
uint32_t BitAt(std::span<const uint8_t> bytes, size_t position) {
  return bytes[position / 8] >> (7 - position % 8) & 1U;
}

uint64_t ReadNumber(std::span<const uint8_t> bytes) {
  uint64_t number = 0;
  for (size_t i = bytes.size(); i-- > 0;) number = number << 8 | bytes[i];
  return number;
}

// The rank-th vector of lengths whose Kraft sum is 1, in lexicographic order. Returns false when there are fewer.
bool LengthsOfRank(uint64_t rank, CodeLengths& lengths) {
  // ways[i][left]: number of choices of the last i lengths that use up `left`.
  std::array<std::array<uint64_t, kKraftSum + 1>, kSteps.size() + 1> ways{};
  ways[0][0] = 1;
  for (size_t i = 1; i <= kSteps.size(); ++i) {
    for (uint32_t left = 0; left <= kKraftSum; ++left) {
      for (int length = kShortest; length <= kLongest; ++length) {
        if (const uint32_t use = kKraftSum >> length; use <= left) ways[i][left] += ways[i - 1][left - use];
      }
    }
  }
  if (rank >= ways[kSteps.size()][kKraftSum]) return false;
  uint32_t left = kKraftSum;
  for (size_t i = 0; i < lengths.size(); ++i) {
    for (int length = kShortest; length <= kLongest; ++length) {
      const uint32_t use = kKraftSum >> length;
      if (use > left) continue;
      const uint64_t those = ways[kSteps.size() - 1 - i][left - use];
      if (rank < those) {
        lengths[i] = length;
        left -= use;
        break;
      }
      rank -= those;
    }
  }
  return true;
}

// The symbols of a canonical Huffman code, to the last bit. Empty when the bits end inside a code word.
std::vector<uint8_t> ReadSymbols(std::span<const uint8_t> bytes, const CodeLengths& lengths) {
  std::vector<uint8_t> symbols;
  for (size_t position = 0; position < 8 * bytes.size();) {
    uint32_t word = 0, first = 0;  // `first`: the first word of this length
    bool found = false;
    for (int length = 1; length <= kLongest && !found; ++length) {
      if (position == 8 * bytes.size()) return {};
      word = word << 1 | BitAt(bytes, position++);
      uint32_t rank = word - first;
      for (size_t symbol = 0; symbol < lengths.size() && !found; ++symbol) {
        if (lengths[symbol] != length) continue;
        if (rank == 0) symbols.push_back(static_cast<uint8_t>(symbol));
        found = rank-- == 0;
        ++first;
      }
      first <<= 1;
    }
    KIT_CHECK(found);  // the code is complete
  }
  return symbols;
}

// Of 600, the positions without a correction: `count` ascending numbers by their colexicographic rank. Returns false
// when there are fewer such sets.
bool UncorrectedOfRank(uint64_t rank, size_t count, std::vector<bool>& corrected) {
  const auto choose = [](uint64_t n, uint64_t k) {  // saturating well above any rank of three bytes
    uint64_t ways = 1;
    for (uint64_t i = 1; i <= k; ++i) {
      ways = ways * (n - k + i) / i;
      if (ways > 1ULL << 40) return uint64_t{1} << 40;
    }
    return ways;
  };
  size_t position = kPublishedPairs;
  for (size_t k = count; k > 0; --k) {
    uint64_t ways = 0;
    do {
      if (position == 0) return false;
      --position;
      ways = position < k ? 0 : choose(position, k);
    } while (ways > rank);
    corrected[position] = false;
    rank -= ways;
  }
  return rank == 0;
}

Result<std::vector<Correction>> ReadCorrections(std::span<const uint8_t> bytes, const MicrocodecLengths& parts) {
  ByteReader reader(bytes);
  const std::span<const uint8_t> dims = reader.Take(parts.dims);
  const size_t lengths_at = reader.position();
  const std::span<const uint8_t> lengths_rank = reader.Take(parts.code_lengths);
  const size_t codes_at = reader.position();
  const std::span<const uint8_t> codes = reader.Take(parts.codes);
  const size_t uncorrected_at = reader.position();
  const std::span<const uint8_t> uncorrected = reader.Take(parts.uncorrected);
  CodeLengths lengths{};
  if (!LengthsOfRank(ReadNumber(lengths_rank), lengths)) return BadCorrections("no code has this rank", lengths_at);
  const std::vector<uint8_t> symbols = ReadSymbols(codes, lengths);
  if (symbols.empty()) return BadCorrections("the bits end inside a code word", codes_at);
  if (symbols.size() > kPublishedPairs) {
    return BadCorrections(std::to_string(symbols.size()) + " corrections for 600 pairs", codes_at);
  }
  std::vector<bool> corrected(kPublishedPairs, true);
  if (!UncorrectedOfRank(ReadNumber(uncorrected), kPublishedPairs - symbols.size(), corrected)) {
    return BadCorrections("no set of pairs has this rank", uncorrected_at);
  }
  std::vector<Correction> corrections(kPublishedPairs);
  Bytes number(dims.begin(), dims.end());  // digits of base 28
  auto symbol = symbols.begin();
  for (size_t pair = 0; pair < kPublishedPairs; ++pair) {
    if (!corrected[pair]) continue;
    unsigned rest = 0;
    for (size_t i = number.size(); i-- > 0;) {
      rest = rest << 8 | number[i];
      number[i] = static_cast<uint8_t>(rest / kPublishedDims);
      rest %= kPublishedDims;
    }
    corrections[pair] = {static_cast<uint8_t>(rest), kSteps[*symbol++]};
  }
  if (std::ranges::all_of(number, [](uint8_t byte) { return byte == 0; })) return corrections;
  return BadCorrections("the number of the dimensions is too large", 0);
}

// ---- selector ------------------------------------------------------------------------------------------------------

// Code words of modes 0 to 15. They form a complete prefix code.
constexpr std::array<std::string_view, kNumSelectorModes> kModeWords = {
    "00",     "1100",  "01",      "111010", "11010",    "111011", "111100", "100",
    "111101", "11011", "1111110", "111110", "11111110", "101",    "11100",  "11111111"};

Result<std::vector<uint8_t>> ReadModes(std::span<const uint8_t> bytes) {
  std::vector<uint8_t> modes;
  size_t position = 0;
  std::string word;
  while (modes.size() < kPublishedPairs) {
    if (position == 8 * bytes.size()) {
      return Error{Code::kCorrupt, "selector: ends early, at byte " + std::to_string(bytes.size())};
    }
    word += BitAt(bytes, position++) != 0 ? '1' : '0';
    const auto found = std::ranges::find(kModeWords, word);
    if (found == kModeWords.end()) continue;
    modes.push_back(static_cast<uint8_t>(found - kModeWords.begin()));
    word.clear();
  }
  const size_t read = (position + 7) / 8;
  for (; position < 8 * read; ++position) {
    if (BitAt(bytes, position) == 0) continue;
    return Error{Code::kCorrupt, "selector: its last bits are not 0, at byte " + std::to_string(read - 1)};
  }
  if (read == bytes.size()) return modes;
  return Error{Code::kCorrupt, "selector: " + std::to_string(bytes.size() - read) + " bytes left over, at byte " +
                                   std::to_string(read)};
}

}  // namespace

Result<ForeignScene> ReadMicrocodec(std::span<const uint8_t> member, const MicrocodecLengths& lengths) {
  if (member.size() != lengths.member()) {
    return Error{Code::kCorrupt, "microcodec: got " + std::to_string(member.size()) + " bytes, expected " +
                                     std::to_string(lengths.member()) + ", at byte 0"};
  }
  ForeignScene foreign;
  foreign.form = "microcodec";
  foreign.sections = {{"decoder", "decoder weights", lengths.decoder, "", {}},
                      {"latents", "latents", lengths.latents, "", {}},
                      {"corrections", "corrections", lengths.corrections(), "", {}}};
  ByteReader reader(member);
  KIT_ASSIGN(foreign.scene.tensors, ReadDecoder(reader.Take(lengths.decoder)));
  KIT_ASSIGN(foreign.scene.latents, ReadLatents(reader.Take(lengths.latents)));
  KIT_ASSIGN(foreign.scene.latents.corrections, ReadCorrections(reader.Take(lengths.corrections()), lengths));
  foreign.scene.offsets = kPublishedOffsets;
  return foreign;
}

Result<ForeignScene> ReadSelectorForm(std::span<const uint8_t> member, const MicrocodecLengths& lengths) {
  constexpr size_t kMagicBytes = 4;
  ByteReader reader(member.subspan(kMagicBytes));
  const uint32_t inner_bytes = reader.U32();
  const std::span<const uint8_t> inner = reader.Take(inner_bytes);
  const uint16_t selector_bytes = reader.U16();
  const std::span<const uint8_t> selector = reader.Take(selector_bytes);
  KIT_TRY(reader.Finish("selector form"));
  ByteReader content(selector);
  const std::span<const uint8_t> magic = content.Take(kMagicBytes);
  if (const uint16_t pairs = content.U16();
      !std::ranges::equal(magic, std::string_view("FEC6")) || content.overran() || pairs != kPublishedPairs) {
    return Error{Code::kUnsupported, "selector: does not begin with FEC6 and 600 pairs, at byte 0"};
  }
  KIT_ASSIGN(ForeignScene foreign, ReadMicrocodec(inner, lengths));
  KIT_ASSIGN(foreign.scene.selector, ReadModes(content.Take(content.remaining())));
  foreign.form = "selector";
  foreign.sections.insert(foreign.sections.begin(), {"head", "magic and lengths", kMagicBytes + 6, "", {}});
  foreign.sections.push_back({"selector", "selector of f0", selector.size(), "", {}});
  return foreign;
}

}  // namespace kitsink::hnerv
