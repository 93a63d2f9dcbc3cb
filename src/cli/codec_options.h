#pragma once
// What codecs add to the command line: one file per codec, NAME_options.cc, and no word of a codec elsewhere.

#include <CLI/CLI.hpp>
#include <any>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace kitsink {

// The choices of compress that every codec has.
struct CompressChoice {
  std::string preset = "default";  // "fast", "default" or "best"
  std::optional<int> level;        // of the codec's own coders, 1 fast .. 3 smallest; absent: the preset's
};

struct CodecCommandLine {
  std::string_view codec;
  // Add the codec's own options to a verb. What they return makes the codec's options once the line has been read.
  std::function<std::any(const CompressChoice&)> (*add_compress)(CLI::App& verb) = nullptr;
  std::function<std::any()> (*add_inflate)(CLI::App& verb) = nullptr;
};

// One for each codec of codecs/codecs.def.
std::vector<const CodecCommandLine*> CommandLines();

}  // namespace kitsink
