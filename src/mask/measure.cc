// Decodes stream m and measures what each part of it costs.

#include <array>
#include <cmath>
#include <numeric>

#include "mask/decode_clip.h"

namespace kitsink {
namespace {

constexpr double kHeadBits = 8.0 * kMaskHeadBytes;

// The cost of a segment's decisions.
struct SegmentCosts {
  std::array<double, 16> class_bits{};
  double motion_bits = 0;
  std::vector<double> map_bits;
};

// A BinaryDecoder that adds up ideal code lengths. They are floating point, which is safe: no decision depends on them.
class CountingDecoder : public BinaryDecoder {
 public:
  CountingDecoder(std::span<const uint8_t> bytes, SegmentCosts& costs) : BinaryDecoder(bytes), costs_(&costs) {}
  int Code(int bit, uint32_t p_one) {
    const int coded = BinaryDecoder::Code(bit, p_one);
    // Half a unit keeps the logarithm finite when the probability is 0; the coder can code that decision, too.
    const double p = (coded != 0 ? static_cast<double>(p_one) : 0x1p32 - static_cast<double>(p_one)) + 0.5;
    bits_ -= std::log2(p * 0x1p-32);
    return coded;
  }
  void ChargeClass(uint8_t id) { costs_->class_bits[id] += TakeBits(); }
  void ChargeMotion() { costs_->motion_bits += TakeBits(); }
  void EndMap() { costs_->map_bits.push_back(std::exchange(map_bits_, 0)); }

 private:
  double TakeBits() {
    map_bits_ += bits_;
    return std::exchange(bits_, 0);
  }
  SegmentCosts* costs_;
  double bits_ = 0, map_bits_ = 0;
};

MeasuredMask Gather(MaskClip clip, uint64_t stream_bytes, const std::vector<SegmentCosts>& costs) {
  MeasuredMask measured;
  std::vector<StreamPart> classes(clip.num_classes);
  for (const uint8_t id : clip.ids) ++classes[id].count;
  double motion_bits = 0, spent = kHeadBits;
  for (const SegmentCosts& segment : costs) {
    motion_bits += segment.motion_bits;
    for (size_t id = 0; id < classes.size(); ++id) classes[id].bits += segment.class_bits[id];
    measured.map_bits.insert(measured.map_bits.end(), segment.map_bits.begin(), segment.map_bits.end());
  }
  measured.parts.push_back({"head", kHeadBits, 0});
  measured.parts.push_back({"motion", motion_bits, clip.count});
  for (size_t id = 0; id < classes.size(); ++id) {
    classes[id].name = "class " + std::to_string(id);
    spent += classes[id].bits;
    measured.parts.push_back(classes[id]);
  }
  measured.parts.push_back({"ends", 8 * static_cast<double>(stream_bytes) - spent - motion_bits, 0});
  measured.clip = std::move(clip);
  return measured;
}

// In the stored form every pixel costs the same.
SegmentCosts CostsOfStored(const MaskClip& clip) {
  SegmentCosts costs;
  const double bits = StoredBits(clip.num_classes);
  for (const uint8_t id : clip.ids) costs.class_bits[id] += bits;
  costs.map_bits.assign(clip.count, bits * static_cast<double>(clip.map_bytes()));
  return costs;
}

}  // namespace

Result<MeasuredMask> MeasureMask(std::span<const uint8_t> stream, int threads, const Limits& limits,
                                 Progress& progress) {
  KIT_ASSIGN(const MaskInfo info, ReadMaskInfo(stream, limits));
  std::vector<SegmentCosts> costs(kMaxSegments);
  const auto counting = [&costs](size_t i, std::span<const uint8_t> part) { return CountingDecoder(part, costs[i]); };
  Result<MaskClip> clip = DecodeClip(stream, threads, limits, progress, counting);
  if (!clip.ok()) return Within("mask", clip.error());
  if (info.stored) costs = {CostsOfStored(clip.value())};
  return Gather(clip.TakeValue(), stream.size(), costs);
}

}  // namespace kitsink
