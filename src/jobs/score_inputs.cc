// Lists the files that a score reads, so that no output replaces one of them.

#include "kitsink/score_jobs.h"

namespace kitsink {

namespace fs = std::filesystem;

std::vector<fs::path> InputsOf(const ScoreOptions& options) {
  std::vector<fs::path> inputs = {options.original, options.archive, options.ground_truth.dump};
  const Result<fs::path> raw = FindRaw(options.inflated);
  if (!raw.ok()) return inputs;
  inputs.push_back(raw.value());
  inputs.push_back(fs::path(raw.value()).replace_extension(".json"));
  const Result<std::optional<RawManifest>> manifest = LoadManifestBeside(raw.value());
  if (!manifest.ok() || !manifest.value().has_value()) return inputs;
  inputs.push_back(manifest.value()->archive_path);
  inputs.push_back(manifest.value()->original);
  const auto made = FindCompressManifest(manifest.value()->archive_path, manifest.value()->archive_sha256);
  if (!made.has_value()) return inputs;
  inputs.push_back(made->path);
  inputs.push_back(made->original);
  return inputs;
}

}  // namespace kitsink
