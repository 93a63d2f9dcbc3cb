#pragma once
// A codec as the jobs see it: two tables of functions, one that needs no LibTorch and one that may. A codec owns its
// scene, its sections and its options; everything else knows it only through these tables.

#include <any>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "kitsink/archive.h"
#include "kitsink/coding.h"
#include "kitsink/frame.h"
#include "kitsink/result.h"
#include "kitsink/run.h"
#include "kitsink/score.h"
#include "kitsink/tensors.h"

namespace kitsink {

// How much the next pairs may take.
struct PairBudget {
  uint32_t steps = UINT32_MAX;  // of the codec's planned_steps()
  std::function<bool()> stop;   // asked now and then; true ends the work with what there is. Empty: never
};

// Frames of consecutive pairs. What the last three say is empty for codecs that do not search.
struct InflatedPairs {
  std::vector<FramePair> frames;
  uint32_t steps_run = 0;
  double step_seconds = 0;                    // spent on the steps
  std::vector<PairDistortion> before, after;  // of each pair, against the archive's targets
  std::vector<MeanDistortion> curve;          // sums over the pairs after 0, 1 .. steps_run steps
};

// Random access to the inflated pairs of a clip. A pair's frames depend on archive, options, nets and the group that it
// is in, never on the order of calls.
class PairSource {
 public:
  virtual ~PairSource() = default;
  virtual uint64_t num_pairs() const = 0;
  // Pairs that are worked on together: calls begin at multiples of this.
  virtual size_t group_size() const { return 1; }
  // Steps that a group takes when there is time; 0 for codecs that do not search.
  virtual uint32_t planned_steps() const { return 0; }
  // Calls that may run at once, each in a thread of its own, to best effect.
  virtual int calls_at_once() const { return 1; }
  // What the manifest says of nets, device, library and options. Two jobs whose manifests agree give the same frames.
  virtual Json manifest() const = 0;
  // Safe to call from several threads. REQUIRES: first is a multiple of group_size(), count at most that.
  virtual Result<InflatedPairs> Inflate(uint64_t first, size_t count, const PairBudget& budget) = 0;
};

// What compress and inflate may use beyond that. Codecs without nets at inflate ignore nets_folder and device there.
struct EngineContext : CodingContext {
  std::filesystem::path nets_folder;  // segnet.safetensors and posenet.safetensors
  std::string device = "auto";        // ParseDevice
  std::any options;                   // the codec's own struct; empty = its defaults
};

struct CompressContext : EngineContext {
  std::filesystem::path video;
  PairRange pairs;
  uint64_t original_bytes = 0;
  // Opens the job's folder for what is finished so far. `plan` names, beside the original and the pairs, everything
  // that the entries depend on. To be called once.
  std::function<Result<ResumeFolder>(const Json& plan)> resume;
  // What the codec says of the job, beside the original, the archive and its sections: for the manifest, a JSON object,
  // and for people, lines without a line feed.
  Json* manifest = nullptr;
  std::vector<std::string> remarks = {};
};

struct CodecFormat {
  CodecId id = 0;
  std::string_view name;     // "search"
  std::string_view summary;  // for help, without a final full stop
  bool nets_at_inflate = false;
  Result<Description> (*describe)(const Member& member, DescribeDepth depth, const CodingContext& context) = nullptr;
  // Everything that the sections store as named tensors, integers as integers, and back: what unpack gives packs to the
  // same sections at the same level. The codec's name and the frame size are the caller's: in the file's metadata, and
  // in the member.
  Result<TensorFile> (*unpack)(const Member& member, const CodingContext& context) = nullptr;
  Result<Member> (*pack)(const TensorFile& file, const PackOptions& options, const CodingContext& context) = nullptr;
  // Null for codecs whose frames need the engine.
  Result<std::unique_ptr<PairSource>> (*open)(const Member& member, const EngineContext& context) = nullptr;
};

struct CodecEngine {
  CodecId id = 0;
  Result<Member> (*compress)(CompressContext& context) = nullptr;
  // Null for codecs whose CodecFormat opens them.
  Result<std::unique_ptr<PairSource>> (*open)(const Member& member, const EngineContext& context) = nullptr;
};

// The codecs that a job may use.
struct Codecs {
  std::span<const CodecFormat* const> formats;
  std::span<const CodecEngine* const> engines;  // empty where the engine is not loaded

  // Null when there is none.
  const CodecFormat* Find(CodecId id) const;
  const CodecFormat* Find(std::string_view name) const;
  const CodecEngine* FindEngine(CodecId id) const;
  // The codec of a member; kUnsupported for a codec that this build does not know.
  Result<const CodecFormat*> FormatOf(const Member& member) const;
};

// All of codecs/codecs.def: without, and with, what needs the engine.
Codecs FormatCodecs();
Codecs EngineCodecs();

// The codec's options as its own struct; its defaults when there are none.
template <typename Options>
Options OptionsOf(const EngineContext& context) {
  const Options* const options = std::any_cast<Options>(&context.options);
  return options == nullptr ? Options() : *options;
}

}  // namespace kitsink
