// Reads the original's pairs, from the video or from a dump of another decoder's frames.

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>

#include "kitsink/file.h"
#include "kitsink/hash.h"
#include "kitsink/scorer.h"

namespace kitsink {
namespace {

struct DumpRecord {
  std::string decoder, sha256, video_sha256;
};

Result<DumpRecord> LoadDumpRecord(const std::filesystem::path& dump) {
  std::filesystem::path path = dump;
  path.replace_extension(".json");
  const auto bad = [&path](const std::string& what) {
    return Error{Code::kInvalidArgument,
                 path.string() + ": " + what +
                     "; a dump needs this record: {\"decoder\": name and version, \"sha256\": of the dump, "
                     "\"video_sha256\": of the video}"};
  };
  std::error_code error;
  if (!std::filesystem::exists(path, error)) return bad("is missing");
  KIT_ASSIGN(const Bytes bytes, ReadFile(path, 1 << 20));
  const nlohmann::json json = nlohmann::json::parse(bytes.begin(), bytes.end(), nullptr, false);
  DumpRecord record;
  for (const auto& [name, field] :
       {std::pair{"decoder", &record.decoder}, {"sha256", &record.sha256}, {"video_sha256", &record.video_sha256}}) {
    const auto found = json.is_object() ? json.find(name) : json.end();
    if (found == json.end() || !found->is_string() || found->get<std::string>().empty()) {
      return bad("lacks the text \"" + std::string(name) + "\"");
    }
    *field = found->get<std::string>();
  }
  return record;
}

}  // namespace

Result<GroundTruthInfo> DescribeGroundTruth(const GroundTruthOptions& options, const std::string& video_sha256) {
  if (options.dump.empty()) {
    return GroundTruthInfo{"decoded by FFmpeg, upstream's BT.601 conversion", DecoderVersion(), video_sha256};
  }
  KIT_ASSIGN(const DumpRecord record, LoadDumpRecord(options.dump));
  if (record.video_sha256 != video_sha256) {
    return Error{Code::kInvalidArgument, options.dump.string() + ": its record names a video with sha256 " +
                                             record.video_sha256 + ", got one with " + video_sha256};
  }
  KIT_ASSIGN(const std::string sha256, Sha256HexOfFile(options.dump));
  if (sha256 != record.sha256) {
    return Error{Code::kCorrupt,
                 options.dump.string() + ": has sha256 " + sha256 + ", its record says " + record.sha256};
  }
  return GroundTruthInfo{"frames of " + record.decoder + " from " + options.dump.string() + ", sha256 " + sha256,
                         record.decoder, sha256};
}

Result<FramePair> ReadPair(RawReader& raw, uint64_t index) {
  KIT_ASSIGN(Frame f0, raw.Read(2 * index));
  KIT_ASSIGN(Frame f1, raw.Read(2 * index + 1));
  return FramePair{std::move(f0), std::move(f1)};
}

Result<GroundTruth> GroundTruth::Open(const std::filesystem::path& video, const GroundTruthOptions& options,
                                      const PairRange& range, const Limits& limits) {
  KIT_ASSIGN(PairReader reader, PairReader::Open(video, range, limits));
  std::optional<RawReader> dump;
  if (!options.dump.empty()) {
    KIT_ASSIGN(dump, RawReader::Open(options.dump, reader.frame_size()));
    const uint64_t num_pairs = dump->num_frames() / 2;
    if (range.first >= num_pairs || (range.end != UINT64_MAX && range.end > num_pairs)) {
      return Error{Code::kInvalidArgument,
                   options.dump.string() + ": has " + std::to_string(num_pairs) + " pairs, the range asks for more"};
    }
  }
  return GroundTruth(std::move(reader), std::move(dump), range);
}

Result<std::optional<FramePair>> GroundTruth::Next() {
  if (!dump_.has_value()) return video_.Next();
  if (next_ >= std::min(dump_->num_frames() / 2, range_.end)) return std::optional<FramePair>();
  KIT_ASSIGN(FramePair pair, ReadPair(*dump_, next_));
  ++next_;
  return std::optional<FramePair>(std::move(pair));
}

Result<uint64_t> GroundTruth::CountAllPairs() {
  if (!dump_.has_value()) return video_.CountAllPairs();
  return dump_->num_frames() / 2;
}

}  // namespace kitsink
