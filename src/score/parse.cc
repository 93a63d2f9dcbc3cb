// Parses and checks the JSON of a score, which may come from anyone.

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "kitsink/score.h"

namespace kitsink {
namespace {

using Json = nlohmann::ordered_json;

// No score nests deeper, and printing deep JSON costs stack.
constexpr int kMaxDepth = 12;
constexpr uint64_t kMaxCount = 1ULL << 53;  // a double holds every integer up to this exactly

Error Bad(const std::string& what) { return Error{Code::kCorrupt, "score: " + what}; }

// Reads members of one object. Keeps the first fault; after it every member reads as empty.
class Fields {
 public:
  Fields(const Json& json, std::string path) : json_(json), path_(std::move(path)) {}

  std::string Text(const char* key) {
    const Json* const value = Find(key, &Json::is_string, "a string");
    return value == nullptr ? "" : value->get<std::string>();
  }
  uint64_t Count(const char* key) {
    const Json* const value = Find(key, &Json::is_number_unsigned, "a whole number");
    if (value == nullptr) return 0;
    const auto count = value->get<uint64_t>();
    if (count > kMaxCount) Fail(key, "is too large");
    return count;
  }
  double Figure(const char* key, double max = std::numeric_limits<double>::max()) {
    const Json* const value = Find(key, &Json::is_number, "a number");
    if (value == nullptr) return 0;
    const auto figure = value->get<double>();
    if (!(figure >= 0 && figure <= max)) Fail(key, "is out of range");
    return figure;
  }
  bool Flag(const char* key) {
    const Json* const value = Find(key, &Json::is_boolean, "true or false");
    return value != nullptr && value->get<bool>();
  }
  const Json& Object(const char* key) {
    static const Json kEmpty = Json::object();
    const Json* const value = Find(key, &Json::is_object, "an object");
    return value == nullptr ? kEmpty : *value;
  }
  const Json& List(const char* key) {
    static const Json kEmpty = Json::array();
    const Json* const value = Find(key, &Json::is_array, "a list");
    return value == nullptr ? kEmpty : *value;
  }
  bool Has(const char* key) const { return json_.contains(key); }
  void Fail(const char* key, const char* what) {
    if (fault_.empty()) fault_ = path_ + key + " " + what;
  }
  const std::string& fault() const { return fault_; }

 private:
  const Json* Find(const char* key, bool (Json::*is_kind)() const noexcept, const char* kind) {
    if (!fault_.empty()) return nullptr;
    const auto found = json_.find(key);
    if (found == json_.end()) {
      fault_ = "lacks " + path_ + key;
    } else if (!((*found).*is_kind)()) {
      fault_ = path_ + key + " is not " + kind;
    } else {
      return &*found;
    }
    return nullptr;
  }

  const Json& json_;
  std::string path_, fault_;
};

// One accounting. The stored total must equal the total of its parts, because a reader may look at the total only.
Result<Score> ParseAccounting(const Json& json, const std::string& path) {
  Fields fields(json, path + ".");
  const Score score{.seg = fields.Figure("seg", 1),
                    .pose = fields.Figure("pose"),
                    .archive_bytes = fields.Count("archive_bytes"),
                    .original_bytes = fields.Count("original_bytes")};
  if (score.original_bytes == 0) fields.Fail("original_bytes", "is 0");
  const double total = fields.Figure("score");
  if (fields.fault().empty() && !(std::abs(total - score.total()) <= 1e-9 * (1 + total))) {
    fields.Fail("score", "is not what seg, pose and bytes give");
  }
  if (!fields.fault().empty()) return Bad(fields.fault());
  return score;
}

Status ParsePairs(const Json& list, std::vector<PairDistortion>& pairs) {
  for (const Json& item : list) {
    if (!item.is_object()) return Bad("pairs holds something other than objects");
    Fields fields(item, "pairs[].");
    pairs.push_back({static_cast<float>(fields.Figure("seg", 1)),
                     static_cast<float>(fields.Figure("pose", std::numeric_limits<float>::max()))});
    if (!fields.fault().empty()) return Bad(fields.fault());
  }
  return Ok();
}

Status ParseClips(const Json& list, std::vector<ScoredClip>& clips) {
  for (const Json& item : list) {
    if (!item.is_object()) return Bad("clips holds something other than objects");
    Fields fields(item, "clips[].");
    clips.push_back({fields.Text("name"),
                     fields.Text("sha256"),
                     fields.Count("original_bytes"),
                     fields.Count("num_pairs"),
                     {fields.Figure("seg", 1), fields.Figure("pose")}});
    if (!fields.fault().empty()) return Bad(fields.fault());
  }
  return Ok();
}

}  // namespace

Result<ScoreReport> ParseScoreJson(std::string_view text) {
  bool too_deep = false;
  const auto watch_depth = [&too_deep](int depth, Json::parse_event_t, Json&) {
    too_deep = too_deep || depth > kMaxDepth;
    return !too_deep;
  };
  const Json json = Json::parse(text.begin(), text.end(), watch_depth, /*allow_exceptions=*/false);
  if (too_deep) return Bad("is nested too deeply");
  return ParseScore(json);
}

Result<ScoreReport> ParseScore(const Json& json) {
  if (!json.is_object()) return Bad("is not a JSON object");
  Fields fields(json, "");
  ScoreReport report;
  report.first_pair = fields.Count("first_pair");
  report.num_pairs = fields.Count("num_pairs");
  report.total_pairs = fields.Count("total_pairs");
  if (fields.Has("codec")) report.codec = fields.Text("codec");
  report.nets_at_inflate = fields.Flag("nets_at_inflate");
  report.inflated_name = fields.Text("inflated");
  report.device = fields.Text("device");
  report.torch = fields.Text("torch");
  report.batch_size = fields.Count("batch_size");
  report.seconds = fields.Figure("seconds");
  if (fields.Has("inflate_seconds")) report.inflate_seconds = fields.Figure("inflate_seconds");
  if (fields.Has("made")) report.made = fields.Object("made").dump();
  if (report.num_pairs == 0) fields.Fail("num_pairs", "is 0");

  Fields nets(fields.Object("nets"), "nets.");
  report.nets_label = nets.Text("label");
  report.nets_bytes = nets.Count("bytes");
  report.segnet_sha256 = nets.Text("segnet_sha256");
  report.posenet_sha256 = nets.Text("posenet_sha256");
  Fields original(fields.Object("original"), "original.");
  report.original_name = original.Text("name");
  report.original_sha256 = original.Text("sha256");
  Fields truth(fields.Object("ground_truth"), "ground_truth.");
  report.ground_truth = truth.Text("description");
  report.ground_truth_decoder = truth.Text("decoder");
  report.ground_truth_sha256 = truth.Text("sha256");
  report.from_cache = truth.Flag("observations_from_cache");
  Fields archive(fields.Object("archive"), "archive.");
  report.archive_name = archive.Text("name");
  report.archive_sha256 = archive.Text("sha256");
  for (const Json& note : fields.List("notes")) {
    if (note.is_string()) report.notes.push_back(note.get<std::string>());
  }
  const Json& alone = fields.Object("archive_alone");
  const Json& upstream = fields.Object("upstream_float32");
  static const Json kNone = Json::array();
  const Json& clips = fields.Has("clips") ? fields.List("clips") : kNone;
  const Json& pairs = fields.List("pairs");
  for (const Fields* part : {&fields, &nets, &original, &truth, &archive}) {
    if (!part->fault().empty()) return Bad(part->fault());
  }
  KIT_ASSIGN(report.score, ParseAccounting(alone, "archive_alone"));
  KIT_ASSIGN(report.upstream, ParseAccounting(upstream, "upstream_float32"));
  KIT_TRY(ParseClips(clips, report.clips));
  KIT_TRY(ParsePairs(pairs, report.pairs));
  if (!report.pairs.empty() && report.pairs.size() != report.num_pairs) return Bad("pairs is not num_pairs long");
  return report;
}

}  // namespace kitsink
