// Reads and writes manifests, and checks .raw files against their manifests.

#include "kitsink/manifest.h"

#include <charconv>
#include <nlohmann/json.hpp>
#include <string>
#include <system_error>

#include "kitsink/file.h"
#include "kitsink/hash.h"
#include "kitsink/version.h"

namespace kitsink {
namespace {

namespace fs = std::filesystem;

// The field at a JSON pointer such as "/raw/bytes"; nothing if it is missing or of another type.
std::optional<std::string> StringAt(const Json& json, const char* pointer) {
  const Json::json_pointer at(pointer);
  if (!json.contains(at) || !json.at(at).is_string()) return std::nullopt;
  return json.at(at).get<std::string>();
}

std::optional<uint64_t> NumberAt(const Json& json, const char* pointer) {
  const Json::json_pointer at(pointer);
  if (!json.contains(at) || !json.at(at).is_number_unsigned()) return std::nullopt;
  return json.at(at).get<uint64_t>();
}

// The path that DescribePath wrote as the object at `pointer`.
std::optional<fs::path> PathAt(const Json& json, const std::string& pointer) {
  const std::optional<std::string> hex = StringAt(json, (pointer + "/path_hex").c_str());
  if (!hex.has_value()) return StringAt(json, (pointer + "/path").c_str());
  std::string bytes;
  for (size_t i = 0; i + 1 < hex->size(); i += 2) {
    unsigned value = 0;
    const auto parsed = std::from_chars(hex->data() + i, hex->data() + i + 2, value, 16);
    if (parsed.ptr != hex->data() + i + 2 || value == 0) return std::nullopt;
    bytes += static_cast<char>(value);
  }
  return bytes;
}

// Width or height of a frame; 0 for a number that is missing or too large.
uint32_t SideAt(const Json& json, const char* pointer) {
  const uint64_t side = NumberAt(json, pointer).value_or(0);
  return side > UINT16_MAX ? 0 : static_cast<uint32_t>(side);
}

std::string SizeText(const FrameSize& size) { return std::to_string(size.width) + " x " + std::to_string(size.height); }

std::optional<Json> LoadJson(const fs::path& path) {
  const Result<Bytes> bytes = ReadFile(path, kMaxManifestBytes);
  if (!bytes.ok()) return std::nullopt;
  Json json = Json::parse(bytes.value().begin(), bytes.value().end(), nullptr, false);
  if (!json.is_object()) return std::nullopt;
  return json;
}

// Possible paths of the manifest of `compress`, the most likely first.
std::vector<fs::path> CompressManifestPaths(const fs::path& archive) {
  const std::string path = (archive.has_filename() ? archive : archive.parent_path()).string();
  return {path + ".json", path + ".zip.json"};
}

CompressManifest ReadCompressManifest(const fs::path& path, const Json& json) {
  CompressManifest manifest;
  manifest.path = path;
  manifest.archive_sha256 = StringAt(json, "/archive/sha256").value_or("");
  manifest.original = PathAt(json, "/original").value_or("");
  manifest.original_bytes = NumberAt(json, "/original/bytes").value_or(0);
  manifest.original_sha256 = StringAt(json, "/original/sha256").value_or("");
  manifest.first_pair = NumberAt(json, "/first_pair");
  manifest.segnet_sha256 = StringAt(json, "/nets/segnet_sha256").value_or("");
  manifest.posenet_sha256 = StringAt(json, "/nets/posenet_sha256").value_or("");
  return manifest;
}

// The points at `pointer`; empty when any of them is not a pair of numbers.
std::vector<TracePoint> PointsAt(const Json& json, const char* pointer) {
  const Json::json_pointer at(pointer);
  std::vector<TracePoint> points;
  if (!json.contains(at) || !json.at(at).is_array()) return points;
  for (const Json& point : json.at(at)) {
    if (!point.is_array() || point.size() != 2 || !point[0].is_number() || !point[1].is_number()) return {};
    points.push_back({point[0].get<double>(), point[1].get<double>()});
  }
  return points;
}

Error Differ(const fs::path& file, const std::string& what, const std::string& got, const std::string& expected) {
  return Error{Code::kCorrupt, file.string() + ": " + what + ": got " + got + ", expected " + expected};
}

Status CheckManifest(const fs::path& path, const RawManifest& manifest, const ArchiveFacts& archive) {
  if (manifest.archive_sha256 != archive.sha256) {
    return Differ(path, "made from another archive, sha256", Quoted(manifest.archive_sha256), archive.sha256);
  }
  if (manifest.frame_size != archive.frame_size) {
    return Differ(path, "frames", SizeText(manifest.frame_size), "the archive's, " + SizeText(archive.frame_size));
  }
  if (manifest.archive_pairs != archive.num_pairs) {
    return Differ(path, "pairs of the archive", std::to_string(manifest.archive_pairs),
                  std::to_string(archive.num_pairs));
  }
  if (manifest.num_pairs == 0 || manifest.num_pairs > archive.num_pairs ||
      manifest.first_pair > archive.num_pairs - manifest.num_pairs) {
    return Differ(path, "pairs",
                  std::to_string(manifest.num_pairs) + " from " + std::to_string(manifest.first_pair) + " on",
                  "some of 0 to " + std::to_string(archive.num_pairs - 1));
  }
  const uint64_t bytes = 2 * manifest.num_pairs * archive.frame_size.size_bytes();
  if (manifest.raw_bytes != bytes) {
    return Differ(path, "bytes of the .raw", std::to_string(manifest.raw_bytes),
                  std::to_string(bytes) + " for its " + std::to_string(manifest.num_pairs) + " pairs");
  }
  return Ok();
}

}  // namespace

Json ManifestHead(const char* job) { return {{"tool", "kitsink " + std::string(Version())}, {"job", job}}; }

std::string ToText(const Json& json) { return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n"; }

Json DescribePath(const fs::path& path) {
  const std::string bytes = fs::absolute(path).lexically_normal().string();
  const std::string text = Json(bytes).dump(-1, ' ', false, Json::error_handler_t::replace);
  Json json = {{"path", Json::parse(text)}};
  if (json["path"].get<std::string>() == bytes) return json;
  std::string hex;
  for (const char c : bytes) {
    constexpr const char* kDigits = "0123456789abcdef";
    hex += {kDigits[static_cast<unsigned char>(c) >> 4], kDigits[static_cast<unsigned char>(c) & 15]};
  }
  json["path_hex"] = hex;
  return json;
}

Json DescribeFile(const fs::path& path, uint64_t size_bytes, const std::string& sha256) {
  Json json = DescribePath(path);
  json["bytes"] = size_bytes;
  json["sha256"] = sha256;
  return json;
}

Result<CompressManifest> LoadCompressManifest(const fs::path& path) {
  KIT_ASSIGN(const Bytes bytes, ReadFile(path, kMaxManifestBytes));
  CompressManifest manifest = ReadCompressManifest(path, Json::parse(bytes.begin(), bytes.end(), nullptr, false));
  if (!manifest.archive_sha256.empty()) return manifest;
  return Error{Code::kCorrupt, path.string() + ": manifest: lacks archive.sha256, as if compress had not written it"};
}

std::optional<CompressManifest> FindCompressManifest(const fs::path& archive, const std::string& archive_sha256) {
  for (const fs::path& path : CompressManifestPaths(archive)) {
    const std::optional<Json> json = LoadJson(path);
    if (!json.has_value()) continue;
    CompressManifest manifest = ReadCompressManifest(path, *json);
    if (manifest.archive_sha256 == archive_sha256) return manifest;
  }
  return std::nullopt;
}

std::string DescribeMaking(const fs::path& raw, const fs::path& archive, const std::string& archive_sha256) {
  Json made;
  const auto add = [&](const char* job, const fs::path& path) {
    const std::optional<Json> json = LoadJson(path);
    if (!json.has_value() || StringAt(*json, "/archive/sha256") != archive_sha256 || made.contains(job)) return;
    for (const char* part : {"options", "seconds"}) {
      if (json->contains(part)) made[job][part] = json->at(part);
    }
  };
  for (const fs::path& path : CompressManifestPaths(archive)) add("compress", path);
  add("inflate", fs::path(raw).replace_extension(".json"));
  return made.is_null() ? "" : made.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Result<RawManifest> ReadRawManifest(std::span<const uint8_t> bytes) {
  const auto bad = [](const std::string& what) { return Error{Code::kCorrupt, "manifest: " + what}; };
  const Json json = Json::parse(bytes.begin(), bytes.end(), nullptr, false);
  if (!json.is_object()) return bad("is not a JSON object");
  const auto archive_path = PathAt(json, "/archive");
  const auto archive_sha256 = StringAt(json, "/archive/sha256");
  const auto raw_sha256 = StringAt(json, "/raw/sha256");
  const auto raw_bytes = NumberAt(json, "/raw/bytes");
  if (!archive_path || !archive_sha256 || !raw_sha256 || !raw_bytes) {
    return bad("lacks archive.path, archive.sha256, raw.sha256 or raw.bytes, as if inflate had not written it");
  }
  RawManifest manifest;
  manifest.archive_path = *archive_path;
  manifest.archive_sha256 = *archive_sha256;
  manifest.archive_pairs = NumberAt(json, "/archive_pairs").value_or(0);
  manifest.raw_sha256 = *raw_sha256;
  manifest.raw_bytes = *raw_bytes;
  manifest.frame_size = {SideAt(json, "/frame_size/0"), SideAt(json, "/frame_size/1")};
  manifest.first_pair = NumberAt(json, "/first_pair").value_or(0);
  manifest.num_pairs = NumberAt(json, "/num_pairs").value_or(0);
  manifest.original = PathAt(json, "/original").value_or("");
  manifest.original_sha256 = StringAt(json, "/original/sha256").value_or("");
  manifest.original_first_pair = NumberAt(json, "/original/first_pair");
  manifest.cut_by_time_limit = json.contains("cut_by_time_limit");
  manifest.trace = {PointsAt(json, "/against_targets/pairs/before"), PointsAt(json, "/against_targets/pairs/after"),
                    PointsAt(json, "/against_targets/curve")};
  return manifest;
}

Result<RawManifest> LoadRawManifest(const fs::path& path) {
  KIT_ASSIGN(const Bytes bytes, ReadFile(path, kMaxManifestBytes));
  Result<RawManifest> manifest = ReadRawManifest(bytes);
  if (!manifest.ok()) return Within(path.string(), manifest.error());
  return manifest;
}

Result<std::optional<RawManifest>> LoadManifestBeside(const fs::path& raw) {
  const fs::path path = fs::path(raw).replace_extension(".json");
  std::error_code error;
  if (!fs::exists(path, error)) return std::optional<RawManifest>();
  KIT_ASSIGN(const RawManifest manifest, LoadRawManifest(path));
  return std::optional<RawManifest>(manifest);
}

Result<fs::path> FindRaw(const fs::path& path) {
  std::error_code error;
  if (!fs::is_directory(path, error)) return path;
  std::vector<fs::path> found;
  for (const auto& entry : fs::directory_iterator(path, error)) {
    if (entry.path().extension() == ".raw") found.push_back(entry.path());
  }
  if (found.size() != 1) {
    return Error{Code::kInvalidArgument, path.string() + ": holds " + std::to_string(found.size()) +
                                             " .raw files, expected one; name the file"};
  }
  return found.front();
}

Result<RawCheck> CheckRaw(const fs::path& against, const ArchiveFacts& archive) {
  RawCheck check;
  const bool named_manifest = against.extension() == ".json";
  std::optional<RawManifest> manifest;
  if (named_manifest) {
    check.raw = fs::path(against).replace_extension(".raw");
    KIT_ASSIGN(manifest, LoadRawManifest(against));
  } else {
    KIT_ASSIGN(check.raw, FindRaw(against));
    KIT_ASSIGN(manifest, LoadManifestBeside(check.raw));
  }
  check.has_manifest = manifest.has_value();
  check.num_pairs = archive.num_pairs;
  uint64_t expected_bytes = 2 * archive.num_pairs * archive.frame_size.size_bytes();
  if (manifest.has_value()) {
    KIT_TRY(
        CheckManifest(named_manifest ? against : fs::path(check.raw).replace_extension(".json"), *manifest, archive));
    check.num_pairs = manifest->num_pairs;
    expected_bytes = manifest->raw_bytes;
    if (manifest->cut_by_time_limit)
      check.notes.emplace_back("the time limit cut this inflation short: another run gives other frames");
  }
  std::error_code error;
  if (named_manifest && !fs::exists(check.raw, error)) {
    check.notes.push_back(check.raw.string() + " is not there: only its manifest was checked");
    return check;
  }
  KIT_ASSIGN(check.raw_bytes, FileSize(check.raw));
  if (check.raw_bytes != expected_bytes) {
    return Differ(check.raw, "bytes", std::to_string(check.raw_bytes),
                  std::to_string(expected_bytes) + ": " + std::to_string(check.num_pairs) + " pairs of frames of " +
                      SizeText(archive.frame_size));
  }
  KIT_ASSIGN(check.raw_sha256, Sha256HexOfFile(check.raw));
  if (!manifest.has_value()) {
    check.notes.push_back("no manifest beside " + check.raw.string() + ": only its size was checked");
  } else if (check.raw_sha256 != manifest->raw_sha256) {
    return Differ(check.raw, "changed since it was inflated, sha256", check.raw_sha256, Quoted(manifest->raw_sha256));
  }
  return check;
}

}  // namespace kitsink
