#pragma once
// Codecs' own options of the command line. Each codec has one file, NAME_options.cc; no other file here names a codec.

#include <CLI/CLI.hpp>
#include <any>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace kitsink {

// Options of compress that several codecs have.
struct CompressChoice {
  std::string preset = "default";  // "fast", "default" or "best"
  std::optional<int> level;        // MaskOptions::level, of codecs with class maps; absent: the preset's
  uint64_t seed = 0;               // of the codec's training
  // Of codecs whose compress runs stages.
  std::filesystem::path from;           // what the user brings of a scene; empty: nothing
  std::vector<std::string> stages;      // to run although `from` brings their result
  double time_limit_seconds = 0;        // 0: none
  std::optional<uint32_t> train_steps;  // of the network that the archive stores; absent: the preset's
  uint32_t train_batch = 1;             // pairs of such a step
};

struct CodecCommandLine {
  std::string_view codec;
  // Add the codec's own options to a verb. They return a function that makes the codec's options struct after the
  // command line has been parsed. Null: compress does not offer the codec; inflate has no options of it.
  std::function<std::any(const CompressChoice&)> (*add_compress)(CLI::App& verb) = nullptr;
  std::function<std::any()> (*add_inflate)(CLI::App& verb) = nullptr;
  bool class_maps = false;  // whether archives hold class maps, so that compress takes --level
  bool shards = true;       // whether several processes can make an archive together
  bool scores = true;       // whether compress scores what it makes on its way
  // Stages of compress, in their order. Empty: compress takes none of --from, --stages, --time-limit,
  // --train-steps and --train-batch with this codec.
  std::vector<std::string> stages = {};
};

// One for each codec in src/codecs/codecs.def.
std::vector<const CodecCommandLine*> CommandLines();

}  // namespace kitsink
