// Groups comparable runs and compares them.

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>

#include "kitsink/report.h"

namespace kitsink {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kVerdicts[] = {"first", "promoted", "rejected"};
constexpr size_t kMaxChanges = 4;

// Untrusted text made safe for a terminal: control characters become "?".
std::string Printable(std::string text) {
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
  }
  return text;
}

std::string Fixed(double value, const char* format = "%.8f") {
  char text[64];
  std::snprintf(text, sizeof(text), format, value);
  return text;
}

// Settings leave out the thread count, and the N of cuda:N, because neither changes a figure.
std::string WithoutThreads(const std::string& torch) { return torch.substr(0, torch.rfind(", ")); }

std::string Short(const std::string& sha256) { return sha256.substr(0, 8); }

std::map<std::string, std::string> FlattenOptions(const std::string& made) {
  std::map<std::string, std::string> options;
  const Json json = Json::parse(made, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return options;
  for (const auto& [job, parts] : json.items()) {
    if (!parts.is_object() || !parts.contains("options") || !parts["options"].is_object()) continue;
    for (const auto& [key, value] : parts["options"].items()) options[job + "." + key] = value.dump();
  }
  return options;
}

// "inflate.steps 300 -> 600, ..."
std::string DescribeChanges(const std::map<std::string, std::string>& old_options,
                            const std::map<std::string, std::string>& new_options) {
  std::vector<std::string> changes;
  for (const auto& [key, value] : new_options) {
    const auto old = old_options.find(key);
    if (old == old_options.end()) continue;
    if (old->second != value) changes.push_back(key + " " + old->second + " -> " + value);
  }
  std::string text;
  for (size_t i = 0; i < std::min(changes.size(), kMaxChanges); ++i) text += (i == 0 ? "" : ", ") + changes[i];
  if (changes.size() > kMaxChanges) text += " and " + std::to_string(changes.size() - kMaxChanges) + " more";
  return text;
}

// The best run of a group so far, with its options.
struct Champion {
  size_t index = 0;  // of the record
  std::map<std::string, std::string> options;
};

// A run's terms and bytes, as columns.
std::string FormatTerms(const Score& score) {
  char text[128];
  std::snprintf(text, sizeof(text), "%12.8f %12.8f %12.8f  %10llu", score.seg_term(), score.pose_term(),
                score.rate_term(), static_cast<unsigned long long>(score.archive_bytes));
  return text;
}

Json RunJson(const ComparedRun& run, const LedgerRecord& record) {
  const Score& score = record.score.score;
  Json json = {{"line", run.index + 1},
               {"time", record.time},
               {"tool", record.tool},
               {"note", record.note},
               {"score", score.total()},
               {"seg_term", score.seg_term()},
               {"pose_term", score.pose_term()},
               {"rate_term", score.rate_term()},
               {"archive_bytes", score.archive_bytes},
               {"archive_sha256", record.score.archive_sha256},
               {"verdict", kVerdicts[static_cast<int>(run.verdict)]}};
  if (run.verdict == Verdict::kFirst) return json;
  json["best_line"] = run.best + 1;
  json["delta"] = run.delta;
  json["changes"] = run.changes;
  return json;
}

}  // namespace

const ComparedRun& RunGroup::best() const {
  return *std::find_if(runs.rbegin(), runs.rend(),
                       [](const ComparedRun& run) { return run.verdict != Verdict::kRejected; });
}

std::string HeadingOf(const ScoreReport& score) {
  std::string pairs = score.num_pairs == score.total_pairs
                          ? "all " + std::to_string(score.total_pairs) + " pairs"
                          : "PARTIAL: pairs " + std::to_string(score.first_pair) + ":" +
                                std::to_string(score.first_pair + score.num_pairs) + " of " +
                                std::to_string(score.total_pairs);
  return Printable("clip " + std::filesystem::path(score.original_name).filename().string() + " " +
                   Short(score.original_sha256) + ", " + pairs + ", " + score.nets_label + " " +
                   Short(score.segnet_sha256) + "/" + Short(score.posenet_sha256) + ", " + score.device +
                   ", frames by " + score.ground_truth_decoder);
}

std::string SettingsOf(const ScoreReport& score) {
  return "SegNet " + score.segnet_sha256 + "\nPoseNet " + score.posenet_sha256 + "\nnets at inflate " +
         (score.nets_at_inflate ? "yes" : "no") + "\ndevice " + score.device.substr(0, score.device.find(':')) +
         "\nlibrary " + WithoutThreads(score.torch) + "\nclip " + score.original_sha256 + "\npairs " +
         std::to_string(score.first_pair) + " + " + std::to_string(score.num_pairs) + " of " +
         std::to_string(score.total_pairs) + "\ndecoder " + score.ground_truth_decoder + "\nframes " +
         score.ground_truth_sha256 + "\noriginal bytes " + std::to_string(score.score.original_bytes) + "\n";
}

std::vector<RunGroup> CompareRuns(std::span<const LedgerRecord> records) {
  std::vector<RunGroup> groups;
  std::map<std::string, size_t> group_of;
  std::vector<Champion> champions;  // of each group
  for (size_t i = 0; i < records.size(); ++i) {
    const std::string settings = SettingsOf(records[i].score);
    const auto [entry, is_new] = group_of.try_emplace(settings, groups.size());
    ComparedRun run;
    run.index = run.best = i;
    if (is_new) {
      groups.push_back({settings, {}});
      champions.push_back({i, FlattenOptions(records[i].score.made)});
    } else {
      Champion& champion = champions[entry->second];
      std::map<std::string, std::string> options = FlattenOptions(records[i].score.made);
      run.best = champion.index;
      run.delta = records[i].score.score.total() - records[champion.index].score.score.total();
      run.verdict = run.delta < 0 ? Verdict::kPromoted : Verdict::kRejected;
      run.changes = DescribeChanges(champion.options, options);
      if (run.verdict == Verdict::kPromoted) champion = {i, std::move(options)};
    }
    groups[entry->second].runs.push_back(std::move(run));
  }
  return groups;
}

std::string FormatLedger(std::span<const LedgerRecord> records) {
  const std::vector<RunGroup> groups = CompareRuns(records);
  std::string text;
  if (groups.size() > 1) {
    text += std::to_string(groups.size()) + " settings: a score compares only with those under the same heading\n\n";
  }
  for (const RunGroup& group : groups) {
    text += HeadingOf(records[group.runs.front().index].score) + "\n";
    text +=
        "  line  time                         score          delta     seg term    pose term    rate term       bytes  "
        "verdict\n";
    for (const ComparedRun& run : group.runs) {
      const LedgerRecord& record = records[run.index];
      const Score& score = record.score.score;
      char line[128];
      std::snprintf(line, sizeof(line), "  %4zu  %-20.20s  %12.8f  %13s ", run.index + 1,
                    Printable(record.time).c_str(), score.total(),
                    run.verdict == Verdict::kFirst ? "" : Fixed(run.delta, "%+.8f").c_str());
      text += line + FormatTerms(score) + "  " + kVerdicts[static_cast<int>(run.verdict)];
      if (run.verdict != Verdict::kFirst) text += ", best was line " + std::to_string(run.best + 1);
      text += "\n";
      if (!record.note.empty()) text += "        " + Printable(record.note) + "\n";
      if (!run.changes.empty()) text += "        " + Printable(run.changes) + "\n";
    }
  }
  return text;
}

std::string FormatBestRuns(std::span<const LedgerRecord> records) {
  std::string text =
      "  line   runs         score    since first     seg term    pose term    rate term       bytes  settings\n";
  for (const RunGroup& group : CompareRuns(records)) {
    const ScoreReport& best = records[group.best().index].score;
    const ScoreReport& first = records[group.runs.front().index].score;
    char line[128];
    std::snprintf(line, sizeof(line), "  %4zu  %5zu  %12.8f  %13s ", group.best().index + 1, group.runs.size(),
                  best.score.total(), Fixed(best.score.total() - first.score.total(), "%+.8f").c_str());
    text += line + FormatTerms(best.score) + "  " + HeadingOf(first) + "\n";
  }
  return text;
}

std::string FormatLedgerJson(std::span<const LedgerRecord> records, bool best_only) {
  Json json;
  json["settings"] = Json::array();
  for (const RunGroup& group : CompareRuns(records)) {
    Json runs = Json::array();
    if (best_only) {
      runs.push_back(RunJson(group.best(), records[group.best().index]));
    } else {
      for (const ComparedRun& run : group.runs) runs.push_back(RunJson(run, records[run.index]));
    }
    json["settings"].push_back(
        {{"settings", group.settings}, {"num_runs", group.runs.size()}, {"runs", std::move(runs)}});
  }
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::string FormatVerdict(std::span<const LedgerRecord> records) {
  if (records.empty()) return "";
  const size_t last = records.size() - 1;
  const std::vector<RunGroup> groups = CompareRuns(records);
  const auto group = std::find_if(groups.begin(), groups.end(),
                                  [last](const RunGroup& candidate) { return candidate.runs.back().index == last; });
  const ComparedRun& run = group->runs.back();
  const size_t others = records.size() - group->runs.size();
  std::string text = "line " + std::to_string(last + 1) + ": ";
  if (run.verdict == Verdict::kFirst) {
    text += "the first of its settings";
  } else {
    text += std::string(kVerdicts[static_cast<int>(run.verdict)]) + ", " + Fixed(run.delta, "%+.8f") +
            " against the best so far, line " + std::to_string(run.best + 1);
  }
  if (others > 0) text += "; not compared with " + std::to_string(others) + " of other settings";
  return text + "\n";
}

}  // namespace kitsink
