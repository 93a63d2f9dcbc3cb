#include "fuzz/fuzz_targets.h"

#include "archive/header.h"
#include "kitsink/archive.h"

namespace kitsink::fuzz {
namespace {

// Small enough that a declared size never costs a fuzzer's time; the checks are those of the default limits.
Limits SmallLimits() {
  Limits limits;
  limits.max_pairs = 1024;
  limits.max_dimension = 2048;
  limits.max_map_bytes = 1 << 12;
  limits.max_weights = 1 << 12;
  limits.max_member_bytes = 1 << 16;
  return limits;
}

void ExpectDecent(const Error& error) {
  KIT_CHECK(error.code == Code::kCorrupt || error.code == Code::kUnsupported || error.code == Code::kLimit);
  KIT_CHECK(!error.message.empty());
}

}  // namespace

void Pose(std::span<const uint8_t> bytes) {
  const Limits limits = SmallLimits();
  const Result<Track> track = DecodeTrack(bytes, limits);
  if (!track.ok()) return ExpectDecent(track.error());
  // Version 2 leaves anchor and predictor to the encoder: only the values must survive.
  const Result<Bytes> again = EncodeTrack(track.value(), limits);
  KIT_CHECK(again.ok());
  KIT_CHECK(DecodeTrack(again.value(), limits).value() == track.value());
  if (track.value().kind == TrackKind::kHalfAndBytes) {
    KIT_CHECK(Bytes(bytes.begin(), bytes.end()) == again.value());
  }
}

void Weights(std::span<const uint8_t> bytes) {
  const Limits limits = SmallLimits();
  const Result<WeightSet> weights = DecodeWeights(bytes, limits);
  if (!weights.ok()) return ExpectDecent(weights.error());
  const Result<Bytes> again = EncodeWeights(weights.value(), limits);
  KIT_CHECK(again.ok() && Bytes(bytes.begin(), bytes.end()) == again.value());
}

void Selectors(std::span<const uint8_t> bytes) {
  const Result<SelectorTable> table = DecodeSelectors(bytes, SmallLimits());
  if (!table.ok()) return ExpectDecent(table.error());
  const Result<Bytes> again = EncodeSelectors(table.value());
  KIT_CHECK(again.ok() && Bytes(bytes.begin(), bytes.end()) == again.value());
}

void Archive(std::span<const uint8_t> bytes) {
  const Limits limits = SmallLimits();
  Bytes member(bytes.begin(), bytes.end());
  // No fuzzer guesses a checksum: it is set right, so that the bytes behind it are looked at.
  if (member.size() > kCheckByte) member[kCheckByte] = MemberCheck(member);
  const Result<Scene> scene = DecodeMember(member, 1, limits, SilentProgress());
  const Result<ArchiveAnatomy> anatomy = ReadAnatomy(member, limits);
  if (!scene.ok()) return ExpectDecent(scene.error());
  KIT_CHECK(anatomy.ok() && anatomy.value().member_bytes == member.size());
}

}  // namespace kitsink::fuzz
