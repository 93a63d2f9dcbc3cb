// Lists what a submission keeps outside its archive, and computes the score that counts it.

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <system_error>

#include "kitsink/contest.h"
#include "kitsink/file.h"
#include "kitsink/hash.h"
#include "kitsink/report.h"

namespace kitsink {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

constexpr uint64_t kMaxTextBytes = 1 << 20;  // larger files are not read as scripts
constexpr uint64_t kMaxProgramLine = 4000;   // characters; a longer line is data written as text
constexpr uint64_t kSmallFile = 1024;        // bytes; a smaller file cannot hold a useful part of a clip
constexpr uint64_t kMaxFiles = 100000;

struct Sign {
  const char* text;
  AuditKind kind;
  const char* meaning;
};

// Words in a script that show what it uses at inflate.
constexpr Sign kSigns[] = {
    {"segnet", AuditKind::kNets, "names SegNet"},
    {"posenet", AuditKind::kNets, "names PoseNet"},
    {"videos/", AuditKind::kNote, "names the folder of the originals: reading them is payload outside the archive"},
    {"curl ", AuditKind::kNote, "fetches from a network: what it fetches counts"},
    {"wget ", AuditKind::kNote, "fetches from a network: what it fetches counts"},
    {"git clone", AuditKind::kNote, "fetches from a network: what it fetches counts"},
};

std::string Lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c); });
  return text;
}

bool IsText(std::string_view bytes) {
  return std::none_of(bytes.begin(), bytes.end(), [](unsigned char c) { return c < 9 || (c > 13 && c < 32); });
}

size_t LongestLine(std::string_view text) {
  size_t longest = 0;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    longest = std::max(longest, end);
    text.remove_prefix(std::min(text.size(), end + 1));
  }
  return longest;
}

// Drops comment lines: a word in a comment shows nothing.
std::string WithoutComments(std::string_view text) {
  std::string code;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    const size_t start = line.find_first_not_of(" \t");
    if (start != std::string_view::npos && line[start] != '#') code.append(line).append("\n");
    text.remove_prefix(std::min(text.size(), end + 1));
  }
  return code;
}

// The evaluator nets that inflating runs.
struct NetsUsed {
  bool segnet = false, posenet = false;
  std::string harmless_script;  // SHA-256 of a script whose words show nothing
  uint64_t size_bytes() const {
    return (segnet ? kContestSegNet.size_bytes : 0) + (posenet ? kContestPoseNet.size_bytes : 0);
  }
};

void LookIntoScript(const std::string& name, std::string_view text, NetsUsed& nets, AuditReport& report) {
  const std::string code = Lower(WithoutComments(text));
  for (const Sign& sign : kSigns) {
    if (code.find(sign.text) == std::string::npos) continue;
    report.findings.push_back({sign.kind, name, sign.meaning, 0});
    nets.segnet = nets.segnet || sign.text == std::string_view("segnet");
    nets.posenet = nets.posenet || sign.text == std::string_view("posenet");
  }
}

Status LookAtFile(const fs::path& path, const std::string& name, NetsUsed& nets, AuditReport& report) {
  KIT_ASSIGN(const uint64_t size, FileSize(path));
  const auto add = [&](AuditKind kind, const std::string& what) {
    report.findings.push_back({kind, name, what, size});
  };
  const std::string extension = Lower(path.extension().string());
  if (extension == ".safetensors" || size == kContestSegNet.size_bytes || size == kContestPoseNet.size_bytes) {
    KIT_ASSIGN(const std::string sha256, Sha256HexOfFile(path));
    for (const ContestFile& net : {kContestSegNet, kContestPoseNet}) {
      if (sha256 == net.sha256) {
        add(AuditKind::kNets, "is the contest's " + std::string(net.name));
        (net.name == kContestSegNet.name ? nets.segnet : nets.posenet) = true;
        return Ok();
      }
    }
    add(AuditKind::kPayload, "holds weights");
    return Ok();
  }
  if (size > kMaxTextBytes) {
    KIT_ASSIGN(const Bytes begin, ReadBegin(path, 4));
    const bool program = begin == Bytes{0x7f, 'E', 'L', 'F'};
    add(program ? AuditKind::kNote : AuditKind::kPayload,
        program ? "is a program: only constants that depend on the video would count" : "is large and no program");
    return Ok();
  }
  KIT_ASSIGN(const Bytes bytes, ReadFile(path, kMaxTextBytes));
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  if (text.starts_with("\x7f"
                       "ELF")) {
    add(AuditKind::kNote, "is a program: only constants that depend on the video would count");
  } else if (!IsText(text)) {
    if (size >= kSmallFile) add(AuditKind::kPayload, "is neither text nor a program");
  } else if (LongestLine(text) > kMaxProgramLine) {
    add(AuditKind::kPayload, "has lines too long for a program: data written as text");
  } else if (Sha256Hex(bytes) == nets.harmless_script) {
    return Ok();
  } else if (extension == ".sh" || extension == ".py" || text.starts_with("#!")) {
    LookIntoScript(name, text, nets, report);
  }
  return Ok();
}

// The archive, and what evaluate.sh writes into the folder.
bool IsMadeByTheContest(const std::string& name) {
  return name == "archive.zip" || name == "report.txt" || name == "archive" || name == "inflated";
}

Status LookAtFolder(const fs::path& folder, NetsUsed& nets, AuditReport& report) {
  std::vector<fs::path> files;
  std::error_code error;
  fs::recursive_directory_iterator entry(folder, error);
  for (; !error && entry != fs::recursive_directory_iterator(); entry.increment(error)) {
    const fs::path relative = entry->path().lexically_relative(folder);
    if (entry.depth() == 0 && IsMadeByTheContest(relative.string())) {
      entry.disable_recursion_pending();
    } else if (entry->is_symlink(error)) {
      report.findings.push_back({AuditKind::kNote, relative.string(), "is a link: its target was not checked", 0});
    } else if (entry->is_regular_file(error)) {
      files.push_back(relative);
    }
    if (files.size() > kMaxFiles) return Error{Code::kLimit, folder.string() + ": holds more than 100000 files"};
  }
  if (error) return Error{Code::kIo, folder.string() + ": cannot list the folder: " + error.message()};
  std::sort(files.begin(), files.end());
  for (const fs::path& file : files) KIT_TRY(LookAtFile(folder / file, file.string(), nets, report));
  return Ok();
}

// The number after `label` in upstream's report, without commas.
Result<double> FindFigure(const std::string& text, const std::string& label) {
  const size_t at = text.find(label);
  std::string digits;
  for (size_t i = at + label.size(); at != std::string::npos && i < text.size() && text[i] != '\n' && text[i] != ' ';
       ++i) {
    if (text[i] != ',') digits += text[i];
  }
  double figure = 0;
  const auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), figure);
  if (parsed.ec != std::errc() || parsed.ptr != digits.data() + digits.size() || !(figure >= 0 && figure < 1e15)) {
    return Error{Code::kCorrupt, "lacks a number behind \"" + label + "\""};
  }
  return figure;
}

Result<Score> ParseUpstreamReport(const std::string& text) {
  Score score;
  KIT_ASSIGN(score.pose, FindFigure(text, "Average PoseNet Distortion: "));
  KIT_ASSIGN(score.seg, FindFigure(text, "Average SegNet Distortion: "));
  KIT_ASSIGN(const double archive_bytes, FindFigure(text, "Submission file size: "));
  KIT_ASSIGN(const double original_bytes, FindFigure(text, "Original uncompressed size: "));
  score.archive_bytes = static_cast<uint64_t>(archive_bytes);
  score.original_bytes = static_cast<uint64_t>(original_bytes);
  if (score.original_bytes == 0) return Error{Code::kCorrupt, "says that the original has 0 bytes"};
  return score;
}

Score Counting(Score score, uint64_t bytes) {
  score.archive_bytes += bytes;
  return score;
}

uint64_t BytesOf(const AuditReport& report, AuditKind kind) {
  uint64_t bytes = 0;
  for (const AuditFinding& finding : report.findings) bytes += finding.kind == kind ? finding.bytes : 0;
  return bytes;
}

constexpr const char* kKinds[] = {"nets", "payload", "note"};

}  // namespace

Result<AuditReport> AuditSubmission(const fs::path& folder, const std::string& nets_codec,
                                    const std::string& own_script_sha256) {
  AuditReport report;
  const fs::path archive = folder / "archive.zip";
  KIT_ASSIGN(report.archive_bytes, FileSize(archive));
  KIT_TRY(FileSize(folder / "inflate.sh"));
  NetsUsed nets;
  if (nets_codec.empty()) nets.harmless_script = own_script_sha256;
  KIT_TRY(LookAtFolder(folder, nets, report));
  if (!nets_codec.empty()) {
    report.findings.push_back(
        {AuditKind::kNets, "archive.zip",
         "is kitsink's codec " + nets_codec + ": inflating it runs SegNet and PoseNet, which it does not hold", 0});
    nets.segnet = nets.posenet = true;
  }
  report.nets_bytes = nets.size_bytes();
  report.payload_bytes = BytesOf(report, AuditKind::kPayload);

  const fs::path text_path = folder / "report.txt";
  std::error_code error;
  if (!fs::exists(text_path, error)) return report;
  KIT_ASSIGN(const Bytes text, ReadFile(text_path, kMaxTextBytes));
  const Result<Score> score = ParseUpstreamReport(std::string(text.begin(), text.end()));
  if (!score.ok()) return Within(text_path.string(), score.error());
  report.score = score.value();
  if (report.score->archive_bytes != report.archive_bytes) {
    report.findings.push_back({AuditKind::kNote, "report.txt",
                               "is of an archive of " + std::to_string(report.score->archive_bytes) +
                                   " bytes, not of this one; its distortions may not be this one's",
                               0});
    report.score->archive_bytes = report.archive_bytes;
  }
  return report;
}

std::string FormatAudit(const AuditReport& report) {
  std::string text;
  for (const AuditFinding& finding : report.findings) {
    std::string name = finding.path;
    std::replace_if(
        name.begin(), name.end(), [](unsigned char c) { return c < 32 || c == 127; }, '?');
    text += std::string(kKinds[static_cast<int>(finding.kind)]) + "  " + name + " " + finding.what;
    if (finding.bytes > 0) text += ", " + std::to_string(finding.bytes) + " bytes";
    text += "\n";
  }
  if (report.findings.empty()) text += "nothing outside the archive was found that would count\n";
  const auto row = [&text, &report](const char* what, uint64_t bytes) {
    char line[160];
    std::snprintf(line, sizeof(line), "  %-28s %12llu bytes", what,
                  static_cast<unsigned long long>(report.archive_bytes + bytes));
    text += line;
    if (report.score.has_value()) {
      std::snprintf(line, sizeof(line), "  score %.8f", Counting(*report.score, bytes).total());
      text += line;
    }
    text += "\n";
  };
  row("archive alone", 0);
  if (report.nets_bytes > 0) row("with the nets", report.nets_bytes);
  if (report.payload_bytes > 0) row("with the payload", report.payload_bytes);
  if (report.nets_bytes > 0 && report.payload_bytes > 0) row("with both", report.nets_bytes + report.payload_bytes);
  if (!report.score.has_value())
    text += "  no report.txt: kitsink evaluate writes it, then the scores stand here too\n";
  return text;
}

std::string FormatAuditJson(const AuditReport& report) {
  Json json;
  json["archive_bytes"] = report.archive_bytes;
  json["nets_bytes"] = report.nets_bytes;
  json["payload_bytes"] = report.payload_bytes;
  if (report.score.has_value()) {
    json["score"] = {{"archive_alone", report.score->total()},
                     {"with_nets", Counting(*report.score, report.nets_bytes).total()},
                     {"with_payload", Counting(*report.score, report.payload_bytes).total()},
                     {"with_all", Counting(*report.score, report.nets_bytes + report.payload_bytes).total()}};
  }
  json["findings"] = Json::array();
  for (const AuditFinding& finding : report.findings) {
    json["findings"].push_back({{"kind", kKinds[static_cast<int>(finding.kind)]},
                                {"path", finding.path},
                                {"what", finding.what},
                                {"bytes", finding.bytes}});
  }
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace kitsink
