// Reads and writes ledgers: text files with one JSON object a line.

#include <ctime>
#include <nlohmann/json.hpp>

#include "kitsink/file.h"
#include "kitsink/report.h"
#include "kitsink/version.h"

namespace kitsink {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kLedgerVersion = 1;
constexpr uint64_t kMaxLedgerBytes = 1 << 26;
constexpr size_t kMaxLineBytes = 1 << 18;
constexpr int kMaxDepth = 16;
constexpr size_t kMaxTextBytes = 4096;  // of a note, a time, a tool's name

std::string Now() {
  const std::time_t now = std::time(nullptr);
  std::tm utc{};
  char text[32];
  gmtime_r(&now, &utc);
  std::strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &utc);
  return text;
}

Result<std::string> ShortText(const Json& json, const char* key) {
  const auto found = json.find(key);
  if (found == json.end() || !found->is_string()) {
    return Error{Code::kCorrupt, std::string("lacks the string \"") + key + "\""};
  }
  std::string text = found->get<std::string>();
  if (text.size() > kMaxTextBytes) return Error{Code::kLimit, std::string(key) + " is longer than 4096 bytes"};
  return text;
}

Result<LedgerRecord> ParseRecord(std::string_view line) {
  if (line.size() > kMaxLineBytes) return Error{Code::kLimit, "is longer than 262144 bytes"};
  // What made the score is printed again, which costs stack for every level of nesting.
  bool too_deep = false;
  const auto watch_depth = [&too_deep](int depth, Json::parse_event_t, Json&) {
    too_deep = too_deep || depth > kMaxDepth;
    return !too_deep;
  };
  const Json json = Json::parse(line.begin(), line.end(), watch_depth, /*allow_exceptions=*/false);
  if (too_deep) return Error{Code::kLimit, "is nested deeper than 16 levels"};
  if (!json.is_object()) return Error{Code::kCorrupt, "is not a JSON object"};
  const auto version = json.find("ledger");
  if (version == json.end() || !version->is_number_integer()) {
    return Error{Code::kCorrupt, "lacks the number \"ledger\""};
  }
  if (*version != kLedgerVersion) {
    return Error{Code::kUnsupported, "is of ledger version " + version->dump() + ", expected 1"};
  }
  LedgerRecord record;
  KIT_ASSIGN(record.time, ShortText(json, "time"));
  KIT_ASSIGN(record.tool, ShortText(json, "tool"));
  KIT_ASSIGN(record.note, ShortText(json, "note"));
  const auto score = json.find("score");
  if (score == json.end() || !score->is_object()) return Error{Code::kCorrupt, "lacks the object \"score\""};
  KIT_ASSIGN(record.score, ParseScore(*score));
  return record;
}

}  // namespace

std::string FormatLedgerRecord(const LedgerRecord& record) {
  ScoreReport score = record.score;
  score.pairs.clear();
  score.clips.clear();
  Json json;
  json["ledger"] = kLedgerVersion;
  json["time"] = record.time;
  json["tool"] = record.tool;
  json["note"] = record.note;
  json["score"] = Json::parse(FormatScoreJson(score));
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Result<std::vector<LedgerRecord>> ParseLedger(std::string_view text, const std::string& name) {
  std::vector<LedgerRecord> records;
  size_t number = 0;
  while (!text.empty()) {
    ++number;
    const std::string where = name + ":" + std::to_string(number);
    const size_t end = text.find('\n');
    if (end == std::string_view::npos) {
      return Error{Code::kCorrupt, where + ": ledger line has no end, it was cut short; remove or mend it"};
    }
    Result<LedgerRecord> record = ParseRecord(text.substr(0, end));
    if (!record.ok()) return Within(where + ": ledger line", record.error());
    records.push_back(record.TakeValue());
    text.remove_prefix(end + 1);
  }
  return records;
}

Result<std::vector<LedgerRecord>> LoadLedger(const std::filesystem::path& path) {
  KIT_ASSIGN(const Bytes bytes, ReadFile(path, kMaxLedgerBytes));
  return ParseLedger({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, path.string());
}

Status AppendToLedger(const std::filesystem::path& path, const ScoreReport& score, const std::string& note) {
  const LedgerRecord record{Now(), "kitsink " + std::string(Version()), note, score};
  return AppendLine(path, FormatLedgerRecord(record));
}

}  // namespace kitsink
