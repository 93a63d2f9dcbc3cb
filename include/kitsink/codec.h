#pragma once
// A codec as the jobs see it: two tables of functions, one without and one with LibTorch. Only the codec knows its
// scene, its sections and its options; other code uses it through these tables.

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
#include "kitsink/nets.h"
#include "kitsink/result.h"
#include "kitsink/run.h"
#include "kitsink/score.h"
#include "kitsink/tensors.h"

namespace kitsink {

// How much work the next pairs may take.
struct PairBudget {
  uint32_t steps = UINT32_MAX;  // at most this many of planned_steps()
  std::function<bool()> stop;   // called now and then; true ends the work with the best frames so far. Empty: never
};

// Frames of consecutive pairs. The last three members are empty for codecs that do not search.
struct InflatedPairs {
  std::vector<FramePair> frames;
  uint32_t steps_run = 0;
  double step_seconds = 0;                    // spent on the steps, or on rendering by codecs without
  std::vector<PairDistortion> before, after;  // the search, of each pair, against the archive's targets
  std::vector<MeanDistortion> curve;          // sums over the pairs after 0, 1 .. steps_run steps
};

// Random access to the inflated pairs of a clip. A pair's frames depend on the archive, the options, the nets and its
// group, never on the order of calls.
class PairSource {
 public:
  virtual ~PairSource() = default;
  virtual uint64_t num_pairs() const = 0;
  // Number of pairs that are inflated together. Each call begins at a multiple of it.
  virtual size_t group_size() const { return 1; }
  // Steps that a group takes without a time limit; 0 for codecs that do not search.
  virtual uint32_t planned_steps() const { return 0; }
  // Number of calls, each in its own thread, that together run fastest.
  virtual int calls_at_once() const { return 1; }
  // The manifest's entries about nets, device, library and options. Two jobs with equal entries give the same frames.
  virtual Json manifest() const = 0;
  // Thread-safe. REQUIRES: `first` is a multiple of group_size(), and `count` is at most group_size().
  virtual Result<InflatedPairs> Inflate(uint64_t first, size_t count, const PairBudget& budget) = 0;
};

// Arguments of compress and inflate. At inflate, codecs without nets ignore nets_folder and device.
struct EngineContext : CodingContext {
  std::filesystem::path nets_folder;  // segnet.safetensors and posenet.safetensors
  std::string device = "auto";        // ParseDevice
  std::any options;                   // the codec's own struct; empty = its defaults
};

struct CompressContext : EngineContext {
  std::filesystem::path video;
  GroundTruthOptions ground_truth;  // of its frames
  PairRange pairs;
  uint64_t original_bytes = 0;
  // Opens the job's folder of finished entries. `plan` holds everything that the entries depend on, apart from the
  // original and the pairs. Call it once.
  std::function<Result<ResumeFolder>(const Json& plan)> resume;
  // What the codec adds about the job: a JSON object for the manifest, and lines without line feeds for people. The
  // job itself adds the original, the archive and its sections.
  Json* manifest = nullptr;
  std::vector<std::string> remarks = {};
};

struct CodecFormat {
  CodecId id = 0;
  std::string_view name;     // "search"
  std::string_view summary;  // for help, without a final full stop
  bool nets_at_inflate = false;
  Result<Description> (*describe)(const Member& member, DescribeDepth depth, const CodingContext& context) = nullptr;
  // Converts all that the sections store to named tensors, integers as integers, and back. pack() turns what unpack()
  // gives into the same sections at the same level. The caller sets the codec's name and the frame size in the file's
  // metadata and in the member.
  Result<TensorFile> (*unpack)(const Member& member, const CodingContext& context) = nullptr;
  Result<Member> (*pack)(const TensorFile& file, const PackOptions& options, const CodingContext& context) = nullptr;
  // Null for codecs that need the engine to inflate.
  Result<std::unique_ptr<PairSource>> (*open)(const Member& member, const EngineContext& context) = nullptr;
  // True for the bytes of a member that another program made and that the functions above take, as Member::foreign.
  // Null for codecs without such archives.
  bool (*recognises)(std::span<const uint8_t> member) = nullptr;
};

struct CodecEngine {
  CodecId id = 0;
  Result<Member> (*compress)(CompressContext& context) = nullptr;
  // Null for codecs whose CodecFormat has open().
  Result<std::unique_ptr<PairSource>> (*open)(const Member& member, const EngineContext& context) = nullptr;
};

// The codecs that a job may use.
struct Codecs {
  std::span<const CodecFormat* const> formats;
  std::span<const CodecEngine* const> engines;  // empty where the engine is not loaded

  // Null when there is no such codec.
  const CodecFormat* Find(CodecId id) const;
  const CodecFormat* Find(std::string_view name) const;
  const CodecEngine* FindEngine(CodecId id) const;
  // The codec of a member; kUnsupported for a codec that this build does not know.
  Result<const CodecFormat*> FormatOf(const Member& member) const;
  // LoadArchive(), which also reads the archives of other programs that one of the codecs recognises.
  Result<LoadedArchive> Load(const std::filesystem::path& zip_or_folder, const Limits& limits) const;
};

// The codecs of src/codecs/codecs.def, without and with the tables that need the engine.
Codecs FormatCodecs();
Codecs EngineCodecs();

// A manifest's entries about the nets, the device and the library. In the engine.
Json DescribeNets(const NetsInfo& nets, const Device& device);

// The codec's options as its own struct; default values when there are none.
template <typename Options>
Options OptionsOf(const EngineContext& context) {
  const Options* const options = std::any_cast<Options>(&context.options);
  return options == nullptr ? Options() : *options;
}

}  // namespace kitsink
