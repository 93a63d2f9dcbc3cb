#pragma once
// The smallest codec there can be: it stores each frame's mean colour and inflates to frames of that colour. It stands
// in for any codec without nets at inflate, and is known only to the jobs that are given FakeCodecs().

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "kitsink/codec.h"
#include "kitsink/video.h"

namespace kitsink::testing {

inline constexpr CodecId kFakeCodecId = 15;
inline constexpr uint64_t kFakeGroup = 2;  // pairs that are inflated together
inline constexpr uint64_t kNever = UINT64_MAX;

// Of compress and of inflate.
struct FakeOptions {
  uint64_t kill_at = kNever;                // pair at which the process kills itself
  int calls_at_once = 1;                    // of inflate
  std::atomic<uint64_t>* worked = nullptr;  // counts the pairs that were not there from an earlier job
};

struct FakeScene {
  Bytes f0, f1;  // RGB, pair after pair
  uint64_t num_pairs() const { return f0.size() / 3; }
};

inline Result<FakeScene> DecodeFakeScene(const Member& member, const Limits& limits) {
  const auto corrupt = [](const std::string& what) { return Error{Code::kCorrupt, "fake: " + what}; };
  if (member.sections.size() != 2) return corrupt(std::to_string(member.sections.size()) + " sections, expected 2");
  FakeScene scene{member.sections[0], member.sections[1]};
  if (scene.f0.empty() || scene.f0.size() % 3 != 0 || scene.f0.size() != scene.f1.size()) {
    return corrupt("sections of " + std::to_string(scene.f0.size()) + " and " + std::to_string(scene.f1.size()) +
                   " bytes, expected 3 a pair in each");
  }
  if (scene.num_pairs() > limits.max_pairs) return Error{Code::kLimit, "fake: too many pairs"};
  return scene;
}

inline Result<Description> DescribeFake(const Member& member, DescribeDepth depth, const CodingContext& context) {
  KIT_ASSIGN(const FakeScene scene, DecodeFakeScene(member, context.limits));
  Description description;
  description.num_pairs = scene.num_pairs();
  description.facts = R"({"colours": )" + std::to_string(2 * scene.num_pairs()) + "}";
  for (const auto& [name, colours] : {std::pair{"f0", &scene.f0}, {"f1", &scene.f1}}) {
    SectionUse use{name, std::string("colours of ") + name, colours->size(), "mean colours", {}};
    if (depth == DescribeDepth::kMeasured) {
      use.parts.push_back({"colours", 8.0 * static_cast<double>(colours->size()), scene.num_pairs()});
    }
    description.sections.push_back(std::move(use));
  }
  if (depth == DescribeDepth::kMeasured) {
    description.pair_bits.assign(scene.num_pairs(), 48);
    PairColumn red{"red of f0", "grey levels", {}};
    for (size_t i = 0; i < scene.f0.size(); i += 3) red.values.push_back(scene.f0[i]);
    description.columns.push_back(std::move(red));
  }
  return description;
}

inline Result<TensorFile> UnpackFake(const Member& member, const CodingContext& context) {
  KIT_ASSIGN(const FakeScene scene, DecodeFakeScene(member, context.limits));
  const auto count = static_cast<int64_t>(scene.num_pairs());
  TensorFile file;
  file.tensors["f0"] = MakeTensor({count, 3}, std::span<const uint8_t>(scene.f0));
  file.tensors["f1"] = MakeTensor({count, 3}, std::span<const uint8_t>(scene.f1));
  return file;
}

inline Result<Member> PackFake(const TensorFile& file, const PackOptions&, const CodingContext& context) {
  TensorTaker taker(file);
  const uint64_t most = uint64_t{3} * context.limits.max_pairs;
  const FileTensor* const f0 = taker.Take("f0", "U8", {-1, 3}, most);
  const FileTensor* const f1 = taker.Take("f1", "U8", {f0 == nullptr ? -1 : f0->shape[0], 3}, most);
  KIT_TRY(taker.Finish());
  Member member;
  member.codec = kFakeCodecId;
  member.sections = {f0->data, f1->data};
  return member;
}

inline void WorkOn(uint64_t pair, const FakeOptions& options) {
  if (pair == options.kill_at) kill(getpid(), SIGKILL);
  if (options.worked != nullptr) ++*options.worked;
}

class FakeSource final : public PairSource {
 public:
  FakeSource(FakeScene scene, FrameSize frame_size, const FakeOptions& options)
      : scene_(std::move(scene)), frame_size_(frame_size), options_(options) {}
  uint64_t num_pairs() const override { return scene_.num_pairs(); }
  size_t group_size() const override { return kFakeGroup; }
  int calls_at_once() const override { return options_.calls_at_once; }
  Json manifest() const override { return {{"options", {{"group", kFakeGroup}}}}; }
  Result<InflatedPairs> Inflate(uint64_t first, size_t count, const PairBudget&) override {
    InflatedPairs pairs;
    for (uint64_t pair = first; pair < first + count; ++pair) {
      WorkOn(pair, options_);
      pairs.frames.push_back({Fill(&scene_.f0[3 * pair]), Fill(&scene_.f1[3 * pair])});
    }
    return pairs;
  }

 private:
  Frame Fill(const uint8_t* colour) const {
    Frame frame{frame_size_, Bytes(frame_size_.size_bytes())};
    for (size_t i = 0; i < frame.rgb.size(); ++i) frame.rgb[i] = colour[i % 3];
    return frame;
  }
  FakeScene scene_;
  FrameSize frame_size_;
  FakeOptions options_;
};

inline Result<std::unique_ptr<PairSource>> OpenFake(const Member& member, const EngineContext& context) {
  KIT_ASSIGN(FakeScene scene, DecodeFakeScene(member, context.limits));
  return std::unique_ptr<PairSource>(
      std::make_unique<FakeSource>(std::move(scene), member.frame_size, OptionsOf<FakeOptions>(context)));
}

inline void AddMean(const Frame& frame, Bytes& colours) {
  std::array<uint64_t, 3> sums = {};
  for (size_t i = 0; i < frame.rgb.size(); ++i) sums[i % 3] += frame.rgb[i];
  for (const uint64_t sum : sums) colours.push_back(static_cast<uint8_t>(3 * sum / frame.rgb.size()));
}

// The pair's six bytes, kept in the job's folder once they are known.
inline Result<Bytes> MeanColours(const FramePair& frames, uint64_t pair, const ResumeFolder& folder,
                                 const FakeOptions& options) {
  const std::string entry = "colours-" + std::to_string(pair);
  if (folder.Has(entry)) return folder.Load(entry);
  WorkOn(pair, options);
  Bytes colours;
  AddMean(frames.f0, colours);
  AddMean(frames.f1, colours);
  KIT_TRY(folder.Save(entry, colours));
  return colours;
}

inline Result<Member> CompressFake(CompressContext& context) {
  const FakeOptions options = OptionsOf<FakeOptions>(context);
  KIT_ASSIGN(PairReader reader, PairReader::Open(context.video, context.pairs, context.limits));
  (*context.manifest)["options"] = {{"group", kFakeGroup}};
  KIT_ASSIGN(const ResumeFolder folder, context.resume(*context.manifest));
  Member member;
  member.codec = kFakeCodecId;
  member.frame_size = reader.frame_size();
  member.sections.resize(2);
  context.progress->Begin("colours", reader.estimated_pairs(), "pairs");
  for (uint64_t pair = 0;; ++pair) {
    KIT_ASSIGN(const std::optional<FramePair> frames, reader.Next());
    if (!frames.has_value()) break;
    KIT_ASSIGN(const Bytes colours, MeanColours(*frames, pair, folder, options));
    member.sections[0].insert(member.sections[0].end(), colours.begin(), colours.begin() + 3);
    member.sections[1].insert(member.sections[1].end(), colours.begin() + 3, colours.end());
    context.progress->Update(pair + 1, "");
    if (context.progress->stop_requested()) return Error{Code::kInterrupted, "interrupted"};
  }
  context.progress->End();
  context.remarks.emplace_back("all frames became their mean colours");
  return member;
}

inline constexpr CodecFormat kFakeFormat = {
    .id = kFakeCodecId,
    .name = "fake",
    .summary = "mean colours, for tests",
    .nets_at_inflate = false,
    .describe = DescribeFake,
    .unpack = UnpackFake,
    .pack = PackFake,
    .open = OpenFake,
};
inline constexpr CodecEngine kFakeEngine = {.id = kFakeCodecId, .compress = CompressFake};
inline constexpr const CodecFormat* kFakeFormats[] = {&kFakeFormat};
inline constexpr const CodecEngine* kFakeEngines[] = {&kFakeEngine};

inline Codecs FakeCodecs() { return {kFakeFormats, kFakeEngines}; }

}  // namespace kitsink::testing
