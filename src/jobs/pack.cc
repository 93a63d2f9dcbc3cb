// Converts archives to safetensors files and back, and repacks archives.

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>

#include "jobs/context.h"
#include "kitsink/hash.h"
#include "kitsink/jobs.h"

namespace kitsink {
namespace {

constexpr const char* kCodec = "codec";
constexpr const char* kWidth = "frame_width";
constexpr const char* kHeight = "frame_height";

CodingContext ContextOf(const JobOptions& job, Progress& progress) { return {job.limits, ThreadsOf(job), &progress}; }

Result<TensorFile> UnpackMember(const Member& member, const JobOptions& job, Progress& progress) {
  KIT_ASSIGN(const CodecFormat* const format, job.codecs.FormatOf(member));
  KIT_ASSIGN(TensorFile file, format->unpack(member, ContextOf(job, progress)));
  file.metadata[kCodec] = format->name;
  file.metadata[kWidth] = std::to_string(member.frame_size.width);
  file.metadata[kHeight] = std::to_string(member.frame_size.height);
  return file;
}

Result<const CodecFormat*> CodecOf(const TensorFile& file, const Codecs& codecs) {
  const auto found = file.metadata.find(kCodec);
  const CodecFormat* const format = found == file.metadata.end() ? nullptr : codecs.Find(found->second);
  if (format != nullptr) return format;
  return Error{Code::kInvalidArgument,
               "its metadata name " +
                   (found == file.metadata.end() ? std::string("no \"codec\"") : "the codec " + Quoted(found->second)) +
                   ", expected one of " + CodecNames(codecs)};
}

// Width or height of the frames. If both are missing, the frames have the contest's size.
Result<uint32_t> SideOf(const TensorFile& file, const char* key, const Limits& limits) {
  const auto found = file.metadata.find(key);
  const std::string text = found == file.metadata.end() ? "" : found->second;
  uint32_t side = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), side);
  if (parsed.ec != std::errc() || parsed.ptr != text.data() + text.size() || side == 0 || side > limits.max_dimension) {
    return Error{Code::kInvalidArgument, std::string("its metadata give ") + key + " as " + Quoted(text) +
                                             ", expected a number from 1 to " + std::to_string(limits.max_dimension)};
  }
  return side;
}

Result<FrameSize> FrameSizeOf(const TensorFile& file, const Limits& limits) {
  if (!file.metadata.contains(kWidth) && !file.metadata.contains(kHeight)) return kContestFrameSize;
  FrameSize size;
  KIT_ASSIGN(size.width, SideOf(file, kWidth, limits));
  KIT_ASSIGN(size.height, SideOf(file, kHeight, limits));
  return size;
}

// The finished zip and its report.
struct Packed {
  Bytes zip;
  PackReport report;
};

Result<Packed> PackFile(const TensorFile& file, const PackOptions& options, const JobOptions& job, Progress& progress) {
  KIT_ASSIGN(const CodecFormat* const format, CodecOf(file, job.codecs));
  PackOptions all = options;
  KIT_ASSIGN(all.frame_size, FrameSizeOf(file, job.limits));
  KIT_ASSIGN(Member member, format->pack(file, all, ContextOf(job, progress)));
  member.frame_size = all.frame_size;
  KIT_ASSIGN(const Bytes bytes, WriteMember(member, job.limits));
  Packed packed;
  KIT_ASSIGN(packed.zip, PackZip(bytes));
  packed.report = {std::string(format->name), packed.zip.size(), 0, Sha256Hex(packed.zip)};
  return packed;
}

// Decodes the new archive again, so that a coder's bug loses nothing.
Status CheckSameScene(const Bytes& zip, const TensorFile& file, const JobOptions& job, Progress& progress) {
  KIT_ASSIGN(const Bytes bytes, UnpackZip(zip, job.limits));
  KIT_ASSIGN(const Member member, ReadMember(bytes, job.limits));
  KIT_ASSIGN(const TensorFile again, UnpackMember(member, job, progress));
  if (again == file) return Ok();
  return Error{Code::kInternal, "repack: the new archive does not decode to the same tensors; nothing was written"};
}

std::filesystem::path ManifestOf(const std::filesystem::path& archive) { return archive.string() + ".json"; }

// Copies the manifest of `compress`, if there is one, and makes it name the repacked archive.
Status CopyManifest(const std::filesystem::path& from, const std::string& from_sha256, const std::filesystem::path& to,
                    const PackReport& report, Overwrite overwrite) {
  KIT_ASSIGN(const Bytes bytes, ReadFile(from, kMaxManifestBytes));
  Json json = Json::parse(bytes.begin(), bytes.end(), nullptr, false);
  if (!json.is_object()) return Error{Code::kCorrupt, from.string() + ": is not a JSON object any more"};
  json["archive"] = DescribeFile(to, report.archive_bytes, report.archive_sha256);
  json["repacked_from"] = from_sha256;
  json.erase("sections");
  const std::string text = ToText(json);
  return WriteFile(ManifestOf(to), {reinterpret_cast<const uint8_t*>(text.data()), text.size()}, overwrite);
}

}  // namespace

Result<uint64_t> Unpack(const std::filesystem::path& archive, const std::filesystem::path& tensors,
                        const JobOptions& job, Progress& progress) {
  KIT_TRY(CheckWritable(tensors, job.overwrite, {&archive, 1}));
  KIT_ASSIGN(const LoadedArchive loaded, job.codecs.Load(archive, job.limits));
  const Result<TensorFile> file = UnpackMember(loaded.member, job, progress);
  if (!file.ok()) return Within(archive.string(), file.error());
  const Bytes bytes = WriteTensors(file.value());
  KIT_TRY(WriteFile(tensors, bytes, job.overwrite));
  return uint64_t{bytes.size()};
}

Result<PackReport> Pack(const std::filesystem::path& tensors, const std::filesystem::path& archive,
                        const PackOptions& options, const JobOptions& job, Progress& progress) {
  KIT_TRY(CheckWritable(archive, job.overwrite, {&tensors, 1}));
  KIT_ASSIGN(const LoadedTensors loaded, LoadTensorFile(tensors));
  Result<Packed> packed = PackFile(loaded.file, options, job, progress);
  if (!packed.ok()) return Within(tensors.string(), packed.error());
  KIT_TRY(WriteFile(archive, packed.value().zip, job.overwrite));
  return packed.value().report;
}

Result<PackReport> Repack(const std::filesystem::path& from, const std::filesystem::path& to,
                          const PackOptions& options, const JobOptions& job, Progress& progress) {
  const std::filesystem::path inputs[] = {from, ManifestOf(from)};
  KIT_TRY(CheckWritable(to, job.overwrite, inputs));
  KIT_ASSIGN(const LoadedArchive loaded, job.codecs.Load(from, job.limits));
  const std::optional<CompressManifest> manifest = FindCompressManifest(from, loaded.sha256);
  if (manifest.has_value()) KIT_TRY(CheckWritable(ManifestOf(to), job.overwrite, inputs));
  const Result<TensorFile> file = UnpackMember(loaded.member, job, progress);
  if (!file.ok()) return Within(from.string(), file.error());
  KIT_ASSIGN(Packed packed, PackFile(file.value(), options, job, progress));
  KIT_TRY(CheckSameScene(packed.zip, file.value(), job, progress));
  packed.report.before_bytes = loaded.size_bytes;
  KIT_TRY(WriteFile(to, packed.zip, job.overwrite));
  if (manifest.has_value()) {
    KIT_TRY(CopyManifest(manifest->path, loaded.sha256, to, packed.report, job.overwrite));
  }
  return packed.report;
}

}  // namespace kitsink
