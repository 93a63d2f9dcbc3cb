// Scores a member by its archive's bytes and its inflated frames.

#include "codecs/measure.h"

#include <algorithm>
#include <bit>
#include <optional>
#include <utility>

#include "kitsink/at_once.h"
#include "kitsink/bytes.h"
#include "kitsink/scorer.h"

namespace kitsink {
namespace {

// The pairs in order, as many inflated at a time as run best together.
class Inflated {
 public:
  explicit Inflated(PairSource& source) : source_(source) {}

  Result<std::optional<FramePair>> Next() {
    if (next_ == ready_.size()) KIT_TRY(Refill());
    if (ready_.empty()) return std::optional<FramePair>();
    return std::optional<FramePair>(std::move(ready_[next_++]));
  }

 private:
  Status Refill() {
    first_ += ready_.size();
    next_ = 0;
    const auto count = static_cast<size_t>(
        std::min<uint64_t>(source_.num_pairs() - first_, static_cast<uint64_t>(source_.calls_at_once())));
    ready_.assign(count, FramePair());
    return RunAtOnce(count, source_.calls_at_once(), [this](size_t, size_t i) -> Status {
      KIT_ASSIGN(InflatedPairs pairs, source_.Inflate(first_ + i, 1, {}));
      ready_[i] = std::move(pairs.frames[0]);
      return Ok();
    });
  }

  PairSource& source_;
  uint64_t first_ = 0;  // pair of ready_[0]
  size_t next_ = 0;     // in ready_
  std::vector<FramePair> ready_;
};

}  // namespace

Result<Score> ScoreMember(const Member& member, PairSource& pairs, std::span<const Observation> targets, Nets& nets,
                          uint64_t original_bytes, const CodingContext& context,
                          std::vector<PairDistortion>* distortions) {
  KIT_ASSIGN(const Bytes bytes, WriteMember(member, context.limits));
  KIT_ASSIGN(const Bytes zip, PackZip(bytes));
  Inflated inflated(pairs);
  KIT_ASSIGN(std::vector<PairDistortion> found,
             MeasureDistortion(GiveObservations(targets), ObservePairs([&inflated] { return inflated.Next(); }, nets),
                               kUpstreamBatchSize, *context.progress, targets.size()));
  const MeanDistortion means = ExactMeans(found);
  if (distortions != nullptr) *distortions = std::move(found);
  return Score{means.seg, means.pose, zip.size(), original_bytes};
}

Result<MeasuredMember> MeasureOnce(Crew& crew, const Limits& limits,
                                   const std::function<Result<MeasuredMember>()>& measure) {
  if (crew.alone()) return measure();
  KIT_ASSIGN(const Bytes bytes, crew.FromLeader([&]() -> Result<Bytes> {
    KIT_ASSIGN(const MeasuredMember measured, measure());
    ByteWriter writer;
    writer.U64(std::bit_cast<uint64_t>(measured.score.seg));
    writer.U64(std::bit_cast<uint64_t>(measured.score.pose));
    writer.U64(measured.score.archive_bytes);
    writer.U64(measured.score.original_bytes);
    KIT_ASSIGN(const Bytes member, WriteMember(measured.member, limits));
    writer.Append(member);
    return writer.Take();
  }));
  ByteReader reader(bytes);
  MeasuredMember measured;
  measured.score.seg = std::bit_cast<double>(reader.U64());
  measured.score.pose = std::bit_cast<double>(reader.U64());
  measured.score.archive_bytes = reader.U64();
  measured.score.original_bytes = reader.U64();
  KIT_ASSIGN(measured.member, ReadMember(reader.Take(reader.remaining()), limits));
  return measured;
}

}  // namespace kitsink
