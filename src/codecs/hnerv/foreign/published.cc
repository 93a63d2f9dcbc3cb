// Reads what several forms have in common: Brotli streams and tables of latents.

#include "codecs/hnerv/foreign/published.h"

#include "kitsink/brotli.h"

namespace kitsink::hnerv {

const std::vector<DecoderTensor>& PublishedTensors() {
  static const std::vector<DecoderTensor> kTensors = DecoderTensors(DecoderShape());
  return kTensors;
}

Result<Bytes> UnfoldAtMost(std::span<const uint8_t> stream, const std::string& name, uint64_t most) {
  Result<Decompressed> unfolded = DecompressBrotli(stream, most);
  if (!unfolded.ok()) return Within(name, unfolded.error());
  if (unfolded.value().read_bytes == stream.size()) return std::move(unfolded.value().bytes);
  return Error{Code::kCorrupt, name + ": " + std::to_string(stream.size() - unfolded.value().read_bytes) +
                                   " bytes left over, at byte " + std::to_string(unfolded.value().read_bytes)};
}

Result<Bytes> Unfold(std::span<const uint8_t> stream, const std::string& name, uint64_t size_bytes) {
  KIT_ASSIGN(Bytes bytes, UnfoldAtMost(stream, name, size_bytes));
  if (bytes.size() == size_bytes) return bytes;
  return Error{Code::kCorrupt, name + ": decompresses to " + std::to_string(bytes.size()) + " bytes, expected " +
                                   std::to_string(size_bytes) + ", at byte " + std::to_string(stream.size())};
}

std::vector<uint16_t> ReadHalves(ByteReader& reader, size_t count) {
  std::vector<uint16_t> halves;
  for (size_t i = 0; i < count; ++i) halves.push_back(reader.U16());
  return halves;
}

Latents LatentsOfPlanes(uint32_t num_pairs, uint32_t dims, std::span<const uint8_t> low,
                        std::span<const uint8_t> high) {
  Latents latents;
  latents.num_pairs = num_pairs;
  latents.dims = dims;
  latents.codes.resize(low.size());
  for (size_t i = 0; i < low.size(); ++i) {
    const unsigned folded = low[i] | static_cast<unsigned>(high[i]) << 8;
    const unsigned delta = (folded >> 1) ^ -(folded & 1U);
    latents.codes[i] = static_cast<uint8_t>((i < dims ? 0U : latents.codes[i - dims]) + delta);
  }
  return latents;
}

Result<Latents> ReadLatentTable(std::span<const uint8_t> stream, const Limits& limits) {
  const uint64_t most = 8 + uint64_t{limits.max_track_dims} * (4 + 2 * uint64_t{limits.max_pairs});
  KIT_ASSIGN(const Bytes bytes, UnfoldAtMost(stream, "latents", most));
  ByteReader reader(bytes);
  const uint32_t num_pairs = reader.U32(), dims = reader.U32();
  if (num_pairs > limits.max_pairs || dims > limits.max_track_dims) {
    return Error{Code::kLimit, "latents: declared " + std::to_string(num_pairs) + " pairs of " + std::to_string(dims) +
                                   " dimensions, limit " + std::to_string(limits.max_pairs) + " and " +
                                   std::to_string(limits.max_track_dims) + ", at byte 0"};
  }
  const size_t count = size_t{num_pairs} * dims;
  if (bytes.size() != 8 + 4 * size_t{dims} + 2 * count) {
    return Error{Code::kCorrupt, "latents: got " + std::to_string(bytes.size()) + " decompressed bytes for " +
                                     std::to_string(num_pairs) + " pairs of " + std::to_string(dims) +
                                     " dimensions, expected " + std::to_string(8 + 4 * size_t{dims} + 2 * count) +
                                     ", at byte 8"};
  }
  const std::vector<uint16_t> minima = ReadHalves(reader, dims), scales = ReadHalves(reader, dims);
  const std::span<const uint8_t> low = reader.Take(count), high = reader.Take(count);
  Latents latents = LatentsOfPlanes(num_pairs, dims, low, high);
  latents.minimum = minima;
  latents.scale = scales;
  return latents;
}

}  // namespace kitsink::hnerv
