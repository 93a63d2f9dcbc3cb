// Runs `kitsink submission`, which makes a submission's folder, and `kitsink audit`, which checks one.

#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <system_error>
#include <vector>

#include "cli/command.h"
#include "kitsink/contest.h"
#include "kitsink/hash.h"
#include "kitsink/manifest.h"
#include "kitsink/report.h"

namespace kitsink {
namespace {

namespace fs = std::filesystem;

struct State {
  fs::path folder, archive, source;
  bool with_binary = false;
  JobOptions job;
  OutputOptions output;
};

// Reads kitsink's inflate.sh from beside an installed command, else from the source tree that it was built from.
Result<Bytes> LoadInflateScript() {
  const fs::path name = fs::path("contest") / "inflate.sh";
  std::string tried;
  for (const fs::path& models : ModelFolders()) {
    for (const fs::path& folder : {models / "..", models / ".." / "scripts"}) {
      const fs::path path = (folder / name).lexically_normal();
      Result<Bytes> bytes = ReadFile(path, 1 << 20);
      if (bytes.ok()) return bytes;
      tried += (tried.empty() ? "" : ", ") + path.string();
    }
  }
  return Error{Code::kIo, "inflate.sh: found none of " + tried + ", install kitsink whole"};
}

Status Write(const fs::path& path, std::span<const uint8_t> bytes, Overwrite overwrite, bool executable) {
  std::error_code error;
  fs::create_directories(path.parent_path(), error);
  if (error) return Error{Code::kIo, path.parent_path().string() + ": cannot make the folder: " + error.message()};
  KIT_TRY(WriteFile(path, bytes, overwrite));
  if (!executable) return Ok();
  constexpr fs::perms kRun = fs::perms::owner_exec | fs::perms::group_exec | fs::perms::others_exec;
  fs::permissions(path, kRun, fs::perm_options::add, error);
  if (error) return Error{Code::kIo, path.string() + ": cannot make it executable: " + error.message()};
  return Ok();
}

Status Copy(const fs::path& from, const fs::path& to, Overwrite overwrite, bool executable) {
  KIT_ASSIGN(const Bytes bytes, ReadFile(from, 1ULL << 32));
  return Write(to, bytes, overwrite, executable);
}

// The nets that the archive was made for, in the format of sha256sum --check; empty without a manifest.
Result<std::string> NetsOf(const fs::path& archive, const std::string& archive_sha256) {
  const fs::path path = archive.string() + ".json";
  std::error_code error;
  if (!fs::exists(path, error)) return std::string();
  KIT_ASSIGN(const CompressManifest manifest, LoadCompressManifest(path));
  if (manifest.archive_sha256 != archive_sha256) {
    return Error{Code::kInvalidArgument, path.string() + ": belongs to another archive, remove it or restore its own"};
  }
  if (manifest.segnet_sha256.empty() || manifest.posenet_sha256.empty()) {
    return Error{Code::kCorrupt, path.string() + ": manifest: does not name the nets"};
  }
  return manifest.segnet_sha256 + "  " + std::string(kContestSegNet.name) + "\n" + manifest.posenet_sha256 + "  " +
         std::string(kContestPoseNet.name) + "\n";
}

// Writes nets.sha256 for a codec that runs the nets at inflate.
Status WriteNets(const State& state) {
  KIT_ASSIGN(const std::string sha256, Sha256HexOfFile(state.archive));
  KIT_ASSIGN(const std::string nets, NetsOf(state.archive, sha256));
  if (nets.empty()) {
    Log(LogLevel::kWarning, state.archive.string() +
                                ".json: no manifest beside the archive, so inflate.sh cannot tell "
                                "whether it meets the nets that the archive was made for");
    return Ok();
  }
  return Write(state.folder / "nets.sha256", {reinterpret_cast<const uint8_t*>(nets.data()), nets.size()},
               state.job.overwrite, /*executable=*/false);
}

// Copies the command and its libraries into one folder, where the command looks for its engine first. A codec that
// inflates without the engine gets none.
Status CopyBinary(const fs::path& target, bool with_engine, Overwrite overwrite) {
  constexpr bool kHasEngine = !std::string_view(KITSINK_ENGINE_FILE).empty();
  if (with_engine && !kHasEngine) {
    return Error{Code::kUnsupported,
                 "the archive's codec inflates with the engine, and this kitsink was built without it"};
  }
  std::error_code error;
  const fs::path self = fs::read_symlink("/proc/self/exe", error);
  if (error) return Error{Code::kIo, "cannot tell where this program lies: " + error.message()};
  KIT_TRY(Copy(self, target / "kitsink", overwrite, /*executable=*/true));
  for (const fs::path& folder : {self.parent_path(), self.parent_path() / KITSINK_RELATIVE_LIB_DIR}) {
    size_t found = 0;
    for (const auto& entry : fs::directory_iterator(folder, error)) {
      const std::string name = entry.path().filename().string();
      if (!name.starts_with("libkitsink_") || name.find(".so") == std::string::npos) continue;
      if (name == KITSINK_ENGINE_FILE && !with_engine) continue;
      KIT_TRY(Copy(entry.path(), target / name, overwrite, /*executable=*/false));
      ++found;
    }
    if (found > 0 || !kHasEngine) return Ok();  // without the engine the command is one file
  }
  return Error{Code::kIo, self.string() + ": found no libkitsink_*.so beside it or where it is installed"};
}

// Copies only the part of a source tree that building the command needs.
Status CopySource(const fs::path& source, const fs::path& target, Overwrite overwrite) {
  if (const Result<uint64_t> list = FileSize(source / "CMakeLists.txt"); !list.ok()) {
    return Within("source", list.error());
  }
  for (const char* part : {"CMakeLists.txt", "LICENSE", "include", "src", "scripts/cmake"}) {
    std::error_code error;
    std::vector<fs::path> files = {source / part};
    if (fs::is_directory(files.front(), error)) {
      files.clear();
      for (const auto& entry : fs::recursive_directory_iterator(source / part, error)) {
        if (entry.is_regular_file()) files.push_back(entry.path());
      }
    }
    for (const fs::path& file : files) {
      KIT_TRY(Copy(file, target / file.lexically_relative(source), overwrite, /*executable=*/false));
    }
  }
  return Ok();
}

// Tells inflate.sh how to configure the source.
Status WriteBuildOptions(const fs::path& path, bool with_engine, Overwrite overwrite) {
  const std::string_view options = with_engine ? "-DKITSINK_ENGINE=ON\n" : "-DKITSINK_ENGINE=OFF\n";
  return Write(path, {reinterpret_cast<const uint8_t*>(options.data()), options.size()}, overwrite,
               /*executable=*/false);
}

// Copies the archive last, so that an incomplete folder cannot pass for a submission.
Status Make(const State& state) {
  const Overwrite overwrite = state.job.overwrite;
  std::error_code error;
  if (overwrite == Overwrite::kRefuse && fs::exists(state.folder, error) && !fs::is_empty(state.folder, error)) {
    return Error{Code::kInvalidArgument, state.folder.string() + ": exists already, use --force to write into it"};
  }
  if (fs::is_directory(state.archive, error)) {
    return Error{Code::kInvalidArgument, state.archive.string() + ": is a folder, expected the zip"};
  }
  KIT_ASSIGN(const LoadedArchive archive, state.job.codecs.Load(state.archive, state.job.limits));
  KIT_ASSIGN(const CodecFormat* const format, state.job.codecs.FormatOf(archive.member));
  KIT_ASSIGN(const Bytes script, LoadInflateScript());
  KIT_TRY(Write(state.folder / "inflate.sh", script, overwrite, /*executable=*/true));
  if (format->nets_at_inflate) KIT_TRY(WriteNets(state));
  const bool with_engine = format->open == nullptr;
  const fs::path own = state.folder / "kitsink";
  if (state.with_binary) KIT_TRY(CopyBinary(own / "bin", with_engine, overwrite));
  if (!state.source.empty()) {
    KIT_TRY(CopySource(state.source, own / "source", overwrite));
    KIT_TRY(WriteBuildOptions(own / "build_options", with_engine, overwrite));
  }
  return Copy(state.archive, state.folder / "archive.zip", overwrite, /*executable=*/false);
}

Result<AuditReport> Audit(const State& state) {
  const ArchiveCodec codec = IdentifyCodec(state.folder / "archive.zip", state.job);
  const Result<Bytes> script = LoadInflateScript();  // without it, its words count as anyone's
  return AuditSubmission(state.folder, codec.nets_at_inflate ? codec.name : "",
                         script.ok() ? Sha256Hex(script.value()) : "");
}

int Run(const State& state) {
  StartOutput(state.output);
  if (const Status status = Make(state); !status.ok()) return Fail("submission", status.error());
  const Result<AuditReport> audit = Audit(state);
  if (!audit.ok()) return Fail("submission", audit.error());
  if (state.output.json) {
    std::fputs(FormatAuditJson(audit.value()).c_str(), stdout);
  } else if (!state.output.quiet) {
    std::printf("%s: made; as kitsink audit sees it:\n%s", state.folder.c_str(), FormatAudit(audit.value()).c_str());
  }
  return kExitDone;
}

int RunAudit(const State& state) {
  StartOutput(state.output);
  const Result<AuditReport> audit = Audit(state);
  if (!audit.ok()) return Fail("audit", audit.error());
  std::fputs((state.output.json ? FormatAuditJson(audit.value()) : FormatAudit(audit.value())).c_str(), stdout);
  const uint64_t outside = audit.value().nets_bytes + audit.value().payload_bytes;
  if (outside == 0) return kExitDone;
  return Fail("audit", {Code::kInvalidArgument,
                        state.folder.string() + ": " + std::to_string(outside) +
                            " bytes outside the archive would count, expected 0; put them into the archive"});
}

}  // namespace

void AddSubmission(CLI::App& app, Action& action) {
  CLI::App* verb = app.add_subcommand("submission", "Make a contest submission's folder from an archive");
  const auto state = std::make_shared<State>();
  verb->add_option(
          "FOLDER", state->folder,
          "The folder; gets archive.zip, inflate.sh and, for a codec that runs the nets at inflate, nets.sha256")
      ->required()
      ->type_name("DIR");
  verb->add_option("--archive", state->archive, "The archive, from kitsink compress")->required()->type_name("FILE");
  verb->add_flag(
      "--with-binary", state->with_binary,
      "Also copy this kitsink and its own libraries; what these use (for the engine LibTorch and FFmpeg) must "
      "be where it runs, or build with -DKITSINK_ENGINE=OFF -DKITSINK_STATIC=ON");
  verb->add_option("--with-source", state->source,
                   "Also copy what building needs of this source tree; inflate.sh builds where it finds no kitsink")
      ->type_name("DIR");
  AddForceOption(*verb, state->job);
  state->job.codecs = FormatCodecs();
  AddOutputOptions(*verb, state->output);
  verb->footer(
      "Examples:\n"
      "  kitsink submission submissions/mine --archive drive.zip --with-binary\n"
      "  kitsink evaluate --submission-dir submissions/mine --video-names-file public_test_video_names.txt\n"
      "inflate.sh takes the contest's three arguments and ends within 25 minutes ($KITSINK_TIME_LIMIT in seconds), by\n"
      "cutting steps of the search. It runs only with the nets that the archive was made for: $KITSINK_NETS, models/ "
      "of\n"
      "the contest's checkout, or nets/ beside it.");
  verb->callback([state, &action] { action = [state] { return Run(*state); }; });
}

void AddAudit(CLI::App& app, Action& action) {
  CLI::App* verb = app.add_subcommand("audit", "Say what of a submission lies outside its archive and would count");
  const auto state = std::make_shared<State>();
  verb->add_option("FOLDER", state->folder, "Any submission: a folder with archive.zip and inflate.sh")
      ->required()
      ->type_name("DIR");
  state->job.codecs = FormatCodecs();
  AddOutputOptions(*verb, state->output);
  verb->footer(
      "Examples:\n"
      "  kitsink audit submissions/mine\n"
      "  kitsink audit submissions/mine --json\n"
      "With the report.txt of kitsink evaluate, or of the contest, it says what the score is with those bytes "
      "counted.\n"
      "The exit code is 1 when nets or payload outside the archive would count. Programs are not looked into.");
  verb->callback([state, &action] { action = [state] { return RunAudit(*state); }; });
}

}  // namespace kitsink
