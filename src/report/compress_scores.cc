// Reads the scores of tries and stages from the manifest of a compress.

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "kitsink/report.h"

namespace kitsink {
namespace {

using Json = nlohmann::ordered_json;

// What all scores of the manifest share.
ScoreReport CommonPart(const Json& manifest, bool nets_at_inflate) {
  ScoreReport report;
  const Json& nets = manifest.at("nets");
  report.codec = manifest.at("codec");
  report.nets_at_inflate = nets_at_inflate;
  report.first_pair = manifest.at("first_pair");
  report.num_pairs = manifest.at("num_pairs");
  report.total_pairs = report.first_pair + report.num_pairs;
  report.original_name = manifest.at("original").at("path");
  report.original_sha256 = manifest.at("original").at("sha256");
  report.score.original_bytes = manifest.at("original").at("bytes");
  report.archive_name = manifest.at("archive").at("path");
  report.nets_label = nets.at("label");
  report.nets_bytes = nets.at("bytes");
  report.segnet_sha256 = nets.at("segnet_sha256");
  report.posenet_sha256 = nets.at("posenet_sha256");
  report.device = manifest.at("device");
  report.torch = manifest.at("torch");
  report.ground_truth = report.ground_truth_decoder = manifest.at("ground_truth").at("decoder");
  report.ground_truth_sha256 = manifest.at("ground_truth").at("sha256");
  return report;
}

ScoreReport ScoreOfRow(const Json& row, ScoreReport report, const std::string& step, const Json& options) {
  report.score.seg = row.at("seg");
  report.score.pose = row.at("pose");
  report.score.archive_bytes = row.at("archive_bytes");
  report.upstream = report.score;
  Json made = options;
  made[step] = row.at(step);
  report.made = Json{{"compress", {{"options", made}}}}.dump();
  return report;
}

}  // namespace

Result<std::vector<ScoreReport>> ScoresOfCompress(std::string_view manifest, bool nets_at_inflate) {
  std::vector<ScoreReport> scores;
  try {
    const Json json = Json::parse(manifest);
    const ScoreReport whole = CommonPart(json, nets_at_inflate);
    if (json.contains("tries")) {
      ScoreReport sample = whole;
      const uint64_t first = json.at("sample").at(0), end = json.at("sample").at(1);
      if (end - first < whole.num_pairs) {
        sample.first_pair += first;
        sample.num_pairs = end - first;
        sample.notes.emplace_back("the bytes are estimated from the sample");
      }
      for (const Json& row : json.at("tries")) scores.push_back(ScoreOfRow(row, sample, "try", json.at("options")));
    }
    for (const Json& row : json.at("stages")) scores.push_back(ScoreOfRow(row, whole, "stage", json.at("options")));
    // The last one of the archive's size is the archive's: a later try may have been rejected.
    const uint64_t archive_bytes = json.at("archive").at("bytes");
    const auto own = std::find_if(scores.rbegin(), scores.rend(),
                                  [&](const ScoreReport& score) { return score.score.archive_bytes == archive_bytes; });
    if (own != scores.rend()) own->archive_sha256 = json.at("archive").at("sha256");
  } catch (const Json::exception& exception) {
    return Error{Code::kCorrupt, std::string("manifest of a compress: ") + exception.what()};
  }
  return scores;
}

}  // namespace kitsink
