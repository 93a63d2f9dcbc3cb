// Formats a score as text for people, as upstream's report and as JSON.

#include <cstdarg>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "kitsink/score.h"

namespace kitsink {
namespace {

[[gnu::format(printf, 1, 2)]] std::string Format(const char* format, ...) {
  char text[512];
  va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(text, sizeof(text), format, arguments);
  va_end(arguments);
  return text;
}

// As Python's "{:,}".
std::string Grouped(uint64_t value) { return GroupDigits(value, ","); }

nlohmann::ordered_json ToJson(const Score& score) {
  return {{"score", score.total()},
          {"seg", score.seg},
          {"pose", score.pose},
          {"seg_term", score.seg_term()},
          {"pose_term", score.pose_term()},
          {"rate_term", score.rate_term()},
          {"rate", score.rate()},
          {"archive_bytes", score.archive_bytes},
          {"original_bytes", score.original_bytes}};
}

// A row of each clip.
std::string FormatClips(const std::vector<ScoredClip>& clips) {
  std::string text = "  pairs           seg          pose         terms   clip\n";
  for (const ScoredClip& clip : clips) {
    text += Format("  %5llu  %12.8f  %12.8f  %12.8f   ", static_cast<unsigned long long>(clip.num_pairs),
                   clip.means.seg, clip.means.pose, DistortionTerms(clip.means.seg, clip.means.pose));
    text += clip.name + "\n";
  }
  return text;
}

bool IsPartial(const ScoreReport& report) { return report.num_pairs != report.total_pairs; }

}  // namespace

std::string GroupDigits(uint64_t value, std::string_view separator) {
  const std::string digits = std::to_string(value);
  std::string grouped;
  for (size_t i = 0; i < digits.size(); ++i) {
    if (i > 0 && (digits.size() - i) % 3 == 0) grouped += separator;
    grouped += digits[i];
  }
  return grouped;
}

std::string FormatScore(const ScoreReport& report) {
  const Score& score = report.score;
  std::string text = report.clips.empty() ? "" : FormatClips(report.clips);
  const std::string nets = report.nets_label == kContestNetsLabel
                               ? report.nets_label
                               : report.nets_label + ", NOT the contest's: compare only with scores of the same nets";
  text += IsPartial(report)
              ? Format("partial: %llu of %llu pairs, %s\n", static_cast<unsigned long long>(report.num_pairs),
                       static_cast<unsigned long long>(report.total_pairs), nets.c_str())
              : Format("score over %llu pairs, %s\n", static_cast<unsigned long long>(report.num_pairs), nets.c_str());
  text += Format("  %-10s %16s  %16s\n", "", "figure", "term");
  text += Format("  %-10s %16.8f  %16.8f   100 * seg\n", "seg", score.seg, score.seg_term());
  text += Format("  %-10s %16.8f  %16.8f   sqrt(10 * pose)\n", "pose", score.pose, score.pose_term());
  text += Format("  %-10s %16s  %16.8f   25 * bytes / %s\n", "bytes", Grouped(score.archive_bytes).c_str(),
                 score.rate_term(), Grouped(score.original_bytes).c_str());
  text += Format("  %-10s %16s  %16.8f   archive alone\n", IsPartial(report) ? "partial" : "score", "", score.total());
  if (report.nets_at_inflate) {
    text += Format("  %-10s %16s  %16.8f   archive plus nets (%s bytes more), the contest's rule\n", "", "",
                   report.WithNets().total(), Grouped(report.nets_bytes).c_str());
  }
  text += "  original   " + report.original_name + "\n";
  text += "             sha256 " + report.original_sha256 + "\n";
  text += "  frames     " + report.ground_truth + (report.from_cache ? "; what the nets read in them is cached" : "") +
          "\n";
  text += "  inflated   " + report.inflated_name + "\n";
  text += "  archive    " + report.archive_name + "\n";
  text += "             sha256 " + report.archive_sha256 + "\n";
  text += "  SegNet     sha256 " + report.segnet_sha256 + "\n";
  text += "  PoseNet    sha256 " + report.posenet_sha256 + "\n";
  text += Format("  judged on  %s, %s, batch %zu, %.1f s\n", report.device.c_str(), report.torch.c_str(),
                 report.batch_size, report.seconds);
  if (report.inflate_seconds > 0) text += Format("  inflate.sh ran for %.1f s\n", report.inflate_seconds);
  for (const std::string& note : report.notes) text += "  note: " + note + "\n";
  return text;
}

std::string FormatUpstreamResults(const ScoreReport& report) {
  const Score& score = report.upstream;
  std::string text;
  text += Format("=== Evaluation results over %llu samples ===\n", static_cast<unsigned long long>(report.num_pairs));
  text += Format("  Average PoseNet Distortion: %.8f\n", score.pose);
  text += Format("  Average SegNet Distortion: %.8f\n", score.seg);
  text += Format("  Submission file size: %s bytes\n", Grouped(score.archive_bytes).c_str());
  text += Format("  Original uncompressed size: %s bytes\n", Grouped(score.original_bytes).c_str());
  text += Format("  Compression Rate: %.8f\n", score.rate());
  text += Format("  Final score: 100*segnet_dist + \u221a(10*posenet_dist) + 25*rate = %.2f\n", score.total());
  return text;
}

std::string FormatUpstreamRemarks(const ScoreReport& report) {
  std::string text;
  if (report.nets_label != kContestNetsLabel) {
    text += "kitsink: " + report.nets_label + ", NOT the contest's: compare only with scores of the same nets\n";
    text += "  SegNet sha256 " + report.segnet_sha256 + "\n";
    text += "  PoseNet sha256 " + report.posenet_sha256 + "\n";
  }
  if (IsPartial(report)) {
    text += Format("kitsink: partial, %llu of %llu pairs\n", static_cast<unsigned long long>(report.num_pairs),
                   static_cast<unsigned long long>(report.total_pairs));
  }
  return text;
}

std::string FormatScoreJson(const ScoreReport& report) {
  nlohmann::ordered_json json;
  json["partial"] = IsPartial(report);
  json["first_pair"] = report.first_pair;
  json["num_pairs"] = report.num_pairs;
  json["total_pairs"] = report.total_pairs;
  json["archive_alone"] = ToJson(report.score);
  if (!report.codec.empty()) json["codec"] = report.codec;
  json["nets_at_inflate"] = report.nets_at_inflate;
  if (report.nets_at_inflate) json["archive_plus_nets"] = ToJson(report.WithNets());
  json["upstream_float32"] = ToJson(report.upstream);
  json["nets"] = {{"label", report.nets_label},
                  {"bytes", report.nets_bytes},
                  {"segnet_sha256", report.segnet_sha256},
                  {"posenet_sha256", report.posenet_sha256}};
  json["original"] = {{"name", report.original_name}, {"sha256", report.original_sha256}};
  json["ground_truth"] = {{"description", report.ground_truth},
                          {"decoder", report.ground_truth_decoder},
                          {"sha256", report.ground_truth_sha256},
                          {"observations_from_cache", report.from_cache}};
  json["inflated"] = report.inflated_name;
  json["archive"] = {{"name", report.archive_name}, {"sha256", report.archive_sha256}};
  json["device"] = report.device;
  json["torch"] = report.torch;
  json["batch_size"] = report.batch_size;
  if (!report.made.empty()) json["made"] = nlohmann::ordered_json::parse(report.made, nullptr, false);
  if (report.inflate_seconds > 0) json["inflate_seconds"] = report.inflate_seconds;
  json["seconds"] = report.seconds;
  json["notes"] = report.notes;
  for (const ScoredClip& clip : report.clips) {
    json["clips"].push_back({{"name", clip.name},
                             {"sha256", clip.sha256},
                             {"original_bytes", clip.original_bytes},
                             {"num_pairs", clip.num_pairs},
                             {"seg", clip.means.seg},
                             {"pose", clip.means.pose},
                             {"distortion_terms", DistortionTerms(clip.means.seg, clip.means.pose)}});
  }
  nlohmann::ordered_json pairs = nlohmann::ordered_json::array();
  for (const PairDistortion& pair : report.pairs) pairs.push_back({{"seg", pair.seg}, {"pose", pair.pose}});
  json["pairs"] = std::move(pairs);
  // File names may hold any bytes, JSON strings may not.
  return json.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

}  // namespace kitsink
