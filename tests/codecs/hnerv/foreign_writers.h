#pragma once
// Writes scenes in the forms of other programs, for the tests of the readers.

#include <algorithm>
#include <functional>
#include <map>
#include <numeric>
#include <string>
#include <vector>

#include "codecs/hnerv/foreign/forms.h"
#include "codecs/hnerv/scene_testlib.h"
#include "compressors.h"
#include "kitsink/half.h"
#include "kitsink/hash.h"

namespace kitsink::testing {

inline uint8_t Zigzag(int code) { return static_cast<uint8_t>(code >= 0 ? 2 * code : -2 * code - 1); }

inline void AppendText(ByteWriter& writer, const std::string& text) {
  writer.Append({reinterpret_cast<const uint8_t*>(text.data()), text.size()});
}

inline Bytes JoinParts(const std::vector<Bytes>& parts) {
  ByteWriter writer;
  for (const Bytes& part : parts) {
    writer.U32(static_cast<uint32_t>(part.size()));
    writer.Append(part);
  }
  return writer.Take();
}

inline void AppendHalves(ByteWriter& writer, const std::vector<uint16_t>& halves) {
  for (const uint16_t half : halves) writer.U16(half);
}

// The low or the high bytes of the zigzag differences.
inline Bytes Plane(const hnerv::Latents& latents, int shift) {
  Bytes plane;
  for (size_t i = 0; i < latents.codes.size(); ++i) {
    const int delta = latents.codes[i] - (i < latents.dims ? 0 : latents.codes[i - latents.dims]);
    const int folded = delta >= 0 ? 2 * delta : -2 * delta - 1;
    plane.push_back(static_cast<uint8_t>(folded >> shift));
  }
  return plane;
}

inline Bytes LatentTable(const hnerv::Latents& latents) {
  ByteWriter writer;
  writer.U32(latents.num_pairs);
  writer.U32(latents.dims);
  AppendHalves(writer, latents.minimum);
  AppendHalves(writer, latents.scale);
  writer.Append(Plane(latents, 0));
  writer.Append(Plane(latents, 8));
  return writer.Take();
}

inline std::string SettingsText(const hnerv::Scene& scene) {
  return "{\"n_pairs\": " + std::to_string(scene.latents.num_pairs) +
         ", \"latent_dim\": " + std::to_string(scene.shape.latent_dims) +
         ", \"base_channels\": " + std::to_string(scene.shape.channels[0]) + ", \"eval_size\": [384, 512]}";
}

inline Bytes SettingsPart(const hnerv::Scene& scene) {
  const std::string text = SettingsText(scene);
  return Brotli({reinterpret_cast<const uint8_t*>(text.data()), text.size()});
}

inline Bytes NamedTensors(const hnerv::Scene& scene) {
  ByteWriter writer;
  const auto specs = hnerv::DecoderTensors(scene.shape);
  writer.U32(static_cast<uint32_t>(specs.size()));
  for (size_t i = 0; i < specs.size(); ++i) {
    const hnerv::DecoderTensor& spec = specs[i];
    const Int8Layout& layout = spec.layout;
    std::vector<uint32_t> shape = {layout.rows};
    if (!spec.name.ends_with(".bias")) shape.push_back(layout.columns);
    if (!spec.name.ends_with(".bias") && !spec.name.starts_with("stem")) {
      shape.insert(shape.end(), {layout.kernel_height, layout.kernel_width});
    }
    writer.U32(static_cast<uint32_t>(spec.name.size()));
    AppendText(writer, spec.name);
    writer.U32(static_cast<uint32_t>(shape.size()));
    for (const uint32_t size : shape) writer.U32(size);
    writer.F32(scene.tensors[i].scale);
    writer.U32(static_cast<uint32_t>(scene.tensors[i].codes.size()));
    for (const int8_t code : scene.tensors[i].codes) writer.U8(Zigzag(code));
  }
  return writer.Take();
}

inline Bytes WriteV1(const hnerv::Scene& scene) {
  return JoinParts({SettingsPart(scene), Brotli(NamedTensors(scene)), Brotli(LatentTable(scene.latents))});
}

inline Bytes WriteCd1(const hnerv::Scene& scene) {
  ByteWriter writer;
  AppendText(writer, "CD1");
  writer.U8(16);
  writer.U32(28);
  for (const hnerv::Int8Tensor& tensor : scene.tensors) {
    writer.U16(FloatToHalf(tensor.scale));
    for (const int8_t code : tensor.codes) writer.U8(Zigzag(code));
  }
  return JoinParts({SettingsPart(scene), Brotli(writer.Take()), Brotli(LatentTable(scene.latents))});
}

// Low plane first.
inline Bytes PlanarLatents(const hnerv::Latents& latents) {
  ByteWriter writer;
  writer.Append(Plane(latents, 0));
  AppendHalves(writer, latents.minimum);
  AppendHalves(writer, latents.scale);
  writer.Append(Plane(latents, 8));
  return writer.Take();
}

inline Bytes WritePacked(const hnerv::Scene& scene) {
  std::vector<size_t> order(scene.tensors.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::ranges::stable_sort(
      order, [&](size_t a, size_t b) { return scene.tensors[a].codes.size() > scene.tensors[b].codes.size(); });
  ByteWriter decoder;
  for (const size_t i : order) {
    for (const int8_t code : scene.tensors[i].codes) decoder.U8(Zigzag(code));
  }
  for (const size_t i : order) decoder.F32(scene.tensors[i].scale);
  const Bytes folded = Brotli(decoder.Take());
  ByteWriter writer;
  writer.U8(0xff);
  writer.U16(static_cast<uint16_t>(folded.size()));
  writer.U8(static_cast<uint8_t>(folded.size() >> 16));
  writer.Append(folded);
  writer.Append(Brotli(PlanarLatents(scene.latents)));
  return writer.Take();
}

inline Bytes WriteFixed(const hnerv::Scene& scene) {
  ByteWriter decoder;
  for (const hnerv::Int8Tensor& tensor : scene.tensors) {
    decoder.F32(tensor.scale);
    for (const int8_t code : tensor.codes) decoder.U8(Zigzag(code));
  }
  Bytes member = {'H', 'N', '1'};
  const Bytes parts = JoinParts({Brotli(decoder.Take()), Brotli(PlanarLatents(scene.latents))});
  member.insert(member.end(), parts.begin(), parts.end());
  return member;
}

inline Bytes CorrectionTable(const hnerv::Latents& latents) {
  ByteWriter writer;
  writer.U16(static_cast<uint16_t>(latents.num_pairs));
  for (const hnerv::Correction& correction : latents.corrections) {
    writer.U8(correction.dim);
    writer.U8(static_cast<uint8_t>(correction.steps));
  }
  return writer.Take();
}

inline Bytes WriteFourPart(const hnerv::Scene& scene) {
  ByteWriter codes, scales;
  for (const hnerv::Int8Tensor& tensor : scene.tensors) {
    for (const int8_t code : tensor.codes) codes.U8(static_cast<uint8_t>(code));
    scales.U16(FloatToHalf(tensor.scale));
  }
  return JoinParts({Brotli(codes.Take()), scales.Take(), Brotli(LatentTable(scene.latents)),
                    scene.latents.corrections.empty() ? Bytes() : Brotli(CorrectionTable(scene.latents))});
}

// ---- microcodec ----------------------------------------------------------------------------------------------------

// A tensor's codes along the axes in the order of storage.
inline std::vector<int8_t> Permuted(const std::vector<int8_t>& codes, const Int8Layout& layout,
                                    const std::vector<size_t>& axes) {
  const size_t sizes[4] = {layout.rows, layout.columns, layout.kernel_height, layout.kernel_width};
  std::vector<int8_t> stored;
  for (size_t a = 0; a < sizes[axes[0]]; ++a) {
    for (size_t b = 0; b < sizes[axes[1]]; ++b) {
      for (size_t c = 0; c < sizes[axes[2]]; ++c) {
        for (size_t d = 0; d < sizes[axes[3]]; ++d) {
          size_t at[4];
          at[axes[0]] = a, at[axes[1]] = b, at[axes[2]] = c, at[axes[3]] = d;
          stored.push_back(codes[((at[0] * sizes[1] + at[1]) * sizes[2] + at[2]) * sizes[3] + at[3]]);
        }
      }
    }
  }
  return stored;
}

inline Bytes MicrocodecDecoder(const hnerv::Scene& scene) {
  const auto axes = [](size_t index) -> std::vector<size_t> {
    switch (index) {
      case 2:
      case 4:
      case 10:
      case 16: return {3, 0, 2, 1};
      case 8:
      case 12: return {3, 0, 1, 2};
      case 14:
      case 18: return {1, 0, 2, 3};
      case 20:
      case 22: return {0, 3, 2, 1};
      case 24: return {0, 2, 3, 1};
      case 26: return {0, 1, 3, 2};
      default: return {0, 1, 2, 3};
    }
  };
  const std::vector<size_t> streams[] = {
      {14}, {22}, {7, 6, 19, 10, 25, 4, 20, 9, 12, 15, 5, 11, 18, 1, 21, 3, 27, 13, 2, 26}, {24}, {17, 16, 23},
      {8},  {0}};
  const auto specs = hnerv::DecoderTensors(scene.shape);
  Bytes all;
  for (const auto& stream : streams) {
    ByteWriter writer;
    for (const size_t i : stream) {
      for (const int8_t code : Permuted(scene.tensors[i].codes, specs[i].layout, axes(i))) {
        writer.U8(i == 9 || i == 14 ? Zigzag(-code)
                  : i == 20         ? static_cast<uint8_t>(code)
                  : i == 27         ? static_cast<uint8_t>(code + 128)
                                    : Zigzag(code));
      }
      writer.U16(FloatToHalf(scene.tensors[i].scale));
    }
    const Bytes folded = Brotli(writer.Take());
    all.insert(all.end(), folded.begin(), folded.end());
  }
  return all;
}

inline Bytes MicrocodecLatents(const hnerv::Latents& latents) {
  ByteWriter writer;
  AppendHalves(writer, latents.minimum);
  AppendHalves(writer, latents.scale);
  for (const size_t dim :
       {26, 0, 17, 15, 10, 24, 20, 12, 14, 21, 22, 18, 4, 11, 3, 7, 16, 2, 6, 8, 19, 23, 5, 9, 1, 13, 27, 25}) {
    for (size_t pair = 0; pair < 600; ++pair) {
      const uint8_t code = latents.codes[pair * 28 + dim];
      writer.U8(pair == 0 ? code : static_cast<uint8_t>(code - latents.codes[(pair - 1) * 28 + dim] + 128));
    }
  }
  return Lzma(writer.Take());
}

inline constexpr int8_t kMicrocodecSteps[16] = {-10, -8, -6, -5, -4, -3, -2, -1, 1, 2, 3, 4, 5, 6, 8, 10};

// The rank of a vector of lengths, by counting every vector before it with a table over Kraft sums.
inline uint64_t RankOfLengths(const std::vector<int>& lengths) {
  const std::function<uint64_t(size_t, int)> ways = [&](size_t left, int room) -> uint64_t {
    static std::map<std::pair<size_t, int>, uint64_t> known;
    if (left == 0) return room == 0 ? 1 : 0;
    if (const auto found = known.find({left, room}); found != known.end()) return found->second;
    uint64_t sum = 0;
    for (int length = 2; length <= 8; ++length) {
      if ((256 >> length) <= room) sum += ways(left - 1, room - (256 >> length));
    }
    return known[{left, room}] = sum;
  };
  uint64_t rank = 0;
  int room = 256;
  for (size_t i = 0; i < lengths.size(); ++i) {
    for (int length = 2; length < lengths[i]; ++length) {
      if ((256 >> length) <= room) rank += ways(lengths.size() - 1 - i, room - (256 >> length));
    }
    room -= 256 >> lengths[i];
  }
  return rank;
}

inline Bytes LittleEndian(uint64_t number, size_t size) {
  Bytes bytes;
  for (size_t i = 0; i < size; ++i) bytes.push_back(static_cast<uint8_t>(number >> 8 * i));
  return bytes;
}

inline Bytes PackBits(const std::string& bits) {
  Bytes bytes((bits.size() + 7) / 8);
  for (size_t i = 0; i < bits.size(); ++i) {
    if (bits[i] == '1') bytes[i / 8] = static_cast<uint8_t>(bytes[i / 8] | 0x80 >> i % 8);
  }
  return bytes;
}

// REQUIRES: the code words of all corrections fill whole bytes.
inline Bytes MicrocodecCorrections(const hnerv::Latents& latents, const std::vector<int>& word_lengths,
                                   hnerv::MicrocodecLengths& lengths) {
  std::vector<std::string> words(16);
  uint32_t word = 0;
  for (int length = 1; length <= 8; ++length, word <<= 1) {
    for (size_t symbol = 0; symbol < 16; ++symbol) {
      if (word_lengths[symbol] != length) continue;
      for (int i = length - 1; i >= 0; --i) words[symbol] += (word >> i & 1U) != 0 ? '1' : '0';
      ++word;
    }
  }
  Bytes number;  // base 256, lowest first
  std::string bits;
  uint64_t rank = 0;
  size_t uncorrected = 0;
  for (size_t pair = 0; pair < latents.corrections.size(); ++pair) {
    const hnerv::Correction& correction = latents.corrections[pair];
    if (correction.dim != hnerv::Correction::kNone) {
      bits += words[static_cast<size_t>(std::ranges::find(kMicrocodecSteps, correction.steps) - kMicrocodecSteps)];
      continue;
    }
    uint64_t ways = 1;  // of the positions below this one
    ++uncorrected;
    for (size_t i = 1; i <= uncorrected; ++i) ways = ways * (pair + 1 - i) / i;
    rank += pair < uncorrected ? 0 : ways;
  }
  for (size_t pair = latents.corrections.size(); pair-- > 0;) {
    if (latents.corrections[pair].dim == hnerv::Correction::kNone) continue;
    unsigned carry = latents.corrections[pair].dim;
    for (uint8_t& byte : number) {
      carry += byte * 28U;
      byte = static_cast<uint8_t>(carry);
      carry >>= 8;
    }
    if (carry > 0) number.push_back(static_cast<uint8_t>(carry));
  }
  number.resize(lengths.dims);
  KIT_CHECK(bits.size() % 8 == 0);
  const Bytes codes = PackBits(bits);
  lengths.codes = codes.size();
  ByteWriter writer;
  writer.Append(number);
  writer.Append(LittleEndian(RankOfLengths(word_lengths), lengths.code_lengths));
  writer.Append(codes);
  writer.Append(LittleEndian(rank, lengths.uncorrected));
  return writer.Take();
}

inline Bytes WriteMicrocodec(const hnerv::Scene& scene, const std::vector<int>& word_lengths,
                             hnerv::MicrocodecLengths& lengths) {
  const Bytes decoder = MicrocodecDecoder(scene), latents = MicrocodecLatents(scene.latents);
  lengths.decoder = decoder.size();
  lengths.latents = latents.size();
  Bytes member = decoder;
  member.insert(member.end(), latents.begin(), latents.end());
  const Bytes corrections = MicrocodecCorrections(scene.latents, word_lengths, lengths);
  member.insert(member.end(), corrections.begin(), corrections.end());
  return member;
}

inline Bytes WriteSelectorForm(const Bytes& microcodec, const std::vector<uint8_t>& modes) {
  static const std::string kWords[16] = {"00",       "1100", "01",     "111010",  "11010",   "111011",
                                         "111100",   "100",  "111101", "11011",   "1111110", "111110",
                                         "11111110", "101",  "11100",  "11111111"};
  std::string bits;
  for (const uint8_t mode : modes) bits += kWords[mode];
  const Bytes packed = PackBits(bits);
  ByteWriter writer;
  AppendText(writer, "FP11");
  writer.U32(static_cast<uint32_t>(microcodec.size()));
  writer.Append(microcodec);
  writer.U16(static_cast<uint16_t>(packed.size() + 6));
  AppendText(writer, "FEC6");
  writer.U16(static_cast<uint16_t>(modes.size()));
  writer.Append(packed);
  return writer.Take();
}

}  // namespace kitsink::testing
