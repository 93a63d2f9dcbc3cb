#include "codec/manifest.h"

#include <string>

#include "kitsink/version.h"

namespace kitsink {
namespace {

constexpr uint64_t kMaxManifestBytes = 1 << 26;

}  // namespace

Json ManifestHead(const char* job, const NetsInfo& nets, const Device& device) {
  Json json;
  json["tool"] = "kitsink " + std::string(Version());
  json["job"] = job;
  json["nets"] = {{"label", nets.label},
                  {"segnet_sha256", nets.segnet_sha256},
                  {"posenet_sha256", nets.posenet_sha256},
                  {"bytes", nets.size_bytes()}};
  json["device"] = device.ToString();
  json["torch"] = TorchDescription();
  return json;
}

Json DescribeFile(const std::filesystem::path& path, uint64_t size_bytes, const std::string& sha256) {
  return {{"path", path.string()}, {"bytes", size_bytes}, {"sha256", sha256}};
}

Result<RawManifest> LoadRawManifest(const std::filesystem::path& path) {
  KIT_ASSIGN(const Bytes bytes, ReadFile(path, kMaxManifestBytes));
  const Json json = Json::parse(bytes.begin(), bytes.end(), nullptr, false);
  const auto bad = [&path](const char* what) { return Error{Code::kCorrupt, path.string() + ": manifest: " + what}; };
  if (!json.is_object()) return bad("is not a JSON object");
  const auto archive = json.find("archive");
  const auto raw = json.find("raw");
  if (archive == json.end() || !archive->is_object() || raw == json.end() || !raw->is_object()) {
    return bad("lacks the objects \"archive\" and \"raw\"");
  }
  RawManifest manifest;
  const auto archive_path = archive->find("path");
  const auto sha256 = archive->find("sha256");
  const auto raw_bytes = raw->find("bytes");
  if (archive_path == archive->end() || !archive_path->is_string() || sha256 == archive->end() ||
      !sha256->is_string() || raw_bytes == raw->end() || !raw_bytes->is_number_unsigned()) {
    return bad("lacks archive.path, archive.sha256 or raw.bytes");
  }
  manifest.archive_path = archive_path->get<std::string>();
  manifest.archive_sha256 = sha256->get<std::string>();
  manifest.raw_bytes = raw_bytes->get<uint64_t>();
  return manifest;
}

std::string DescribeMaking(const std::filesystem::path& raw, const std::filesystem::path& archive,
                           const std::string& archive_sha256) {
  Json made;
  const auto add = [&](const char* job, const std::filesystem::path& path) {
    const Result<Bytes> bytes = ReadFile(path, kMaxManifestBytes);
    if (!bytes.ok()) return;
    const Json json = Json::parse(bytes.value().begin(), bytes.value().end(), nullptr, false);
    if (!json.is_object() || !json.contains("archive") || !json["archive"].is_object()) return;
    if (json["archive"].value("sha256", Json()) != archive_sha256) return;
    for (const char* part : {"options", "seconds"}) {
      if (json.contains(part)) made[job][part] = json[part];
    }
  };
  add("compress", archive.string() + ".json");
  add("inflate", std::filesystem::path(raw).replace_extension(".json"));
  return made.is_null() ? "" : made.dump();
}

}  // namespace kitsink
