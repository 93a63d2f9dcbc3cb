// Runs `kitsink doctor`: checks that nets, video, disk, threads and device are fit for work.

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <system_error>
#include <vector>

#include "cli/command.h"
#include "cli/engine.h"
#include "kitsink/at_once.h"
#include "kitsink/contest.h"
#include "kitsink/hash.h"
#include "kitsink/jobs.h"
#include "kitsink/manifest.h"
#include "kitsink/version.h"

namespace kitsink {
namespace {

namespace fs = std::filesystem;

enum class Health { kOk, kWarn, kFail };
constexpr const char* kHealthNames[] = {"ok", "warn", "fail"};
constexpr const char* kColours[] = {"\033[32m", "\033[33m", "\033[31m"};

// One line of the report: what was checked, what was found, and what to do about it.
struct Check {
  const char* subject;
  Health health = Health::kOk;
  std::string found, advice;
};

struct State {
  fs::path clip, output = ".";
  JobOptions job;
  OutputOptions out;
};

std::string Megabytes(uint64_t bytes) {
  char text[32];
  std::snprintf(text, sizeof(text), "%.1f MB", static_cast<double>(bytes) / 1e6);
  return text;
}

bool IsPointer(const fs::path& path) {
  const Result<Bytes> begin = ReadBegin(path, kLfsPointer.size());
  return begin.ok() && IsLfsPointer(begin.value());
}

// A failed check when a file is missing, unreadable or a Git LFS pointer; nothing otherwise.
std::optional<Check> FindFault(const char* subject, const fs::path& path) {
  const Result<uint64_t> size = FileSize(path);
  if (!size.ok()) return Check{subject, Health::kFail, size.error().message, "name another with its option"};
  if (!IsPointer(path)) return std::nullopt;
  return Check{subject, Health::kFail, path.string() + " is an LFS pointer, not the file itself",
               "run \"git lfs pull\" in the repository that it is from"};
}

Check CheckNet(const char* subject, const fs::path& folder, const ContestFile& published) {
  const fs::path path = folder / published.name;
  if (const std::optional<Check> fault = FindFault(subject, path)) return *fault;
  const Result<std::string> sha256 = Sha256HexOfFile(path);
  if (!sha256.ok()) return {subject, Health::kFail, sha256.error().message, "make it readable"};
  const std::string found = path.string() + ", sha256 " + sha256.value();
  if (sha256.value() == published.sha256) return {subject, Health::kOk, found + ", the contest's", ""};
  return {subject, Health::kWarn, found + ", not the contest's",
          "its scores compare with scores of the same file only; scripts/fetch_models fetches the contest's"};
}

// The clip that the user named, else the contest's in its usual places.
fs::path FindClip(const fs::path& named) {
  if (!named.empty()) return named;
  std::vector<fs::path> places;
  if (const char* challenge = std::getenv("KITSINK_CHALLENGE_DIR"); challenge != nullptr) {
    places.push_back(fs::path(challenge) / "videos" / kContestClip.name);
  }
  places.push_back(fs::path("videos") / kContestClip.name);
  for (const fs::path& folder : ModelFolders()) places.push_back(folder / "contest" / kContestClip.name);
  std::error_code error;
  const auto found =
      std::find_if(places.begin(), places.end(), [&error](const fs::path& path) { return fs::exists(path, error); });
  return found == places.end() ? fs::path() : *found;
}

Check CheckClip(const fs::path& clip) {
  constexpr const char* kSubject = "clip";
  if (clip.empty()) return {kSubject, Health::kOk, "none named, and the contest's is not here", ""};
  if (std::optional<Check> fault = FindFault(kSubject, clip)) {
    fault->advice = fault->found.ends_with("itself") ? fault->advice : "name a video";
    return *fault;
  }
  const uint64_t size = FileSize(clip).value();
  const std::string found = clip.string() + ", " + std::to_string(size) + " bytes";
  if (size == kContestClip.size_bytes) {
    const Result<std::string> sha256 = Sha256HexOfFile(clip);
    if (sha256.ok() && sha256.value() == kContestClip.sha256)
      return {kSubject, Health::kOk, found + ", the contest's", ""};
    return {kSubject, Health::kWarn, found + ", as many as the contest's, but its SHA-256 differs",
            "fetch it again: scripts/fetch_models --clip"};
  }
  return {kSubject, Health::kWarn, found + ", the contest's has " + std::to_string(kContestClip.size_bytes),
          "a byte of archive counts 25/" + std::to_string(size) + " here; scores do not compare with the contest's"};
}

// Checks the free space for NAME.raw in its folder.
Check CheckDisk(fs::path folder, uint64_t needed, const std::string& of_what) {
  std::error_code error;
  folder = fs::absolute(folder, error).lexically_normal();
  while (!fs::exists(folder, error) && folder.has_relative_path()) folder = folder.parent_path();
  const fs::space_info space = fs::space(folder, error);
  if (error) return {"disk", Health::kFail, folder.string() + ": " + error.message(), "name a folder with --output"};
  const std::string found = folder.string() + " has " + Megabytes(space.available) + " free, the raw frames of " +
                            of_what + " take " + Megabytes(needed);
  if (access(folder.c_str(), W_OK) != 0)
    return {"disk", Health::kFail, found + "; not writable", "name another with --output"};
  if (space.available < needed)
    return {"disk", Health::kFail, found, "free some, or name another folder with --output"};
  return {"disk", Health::kOk, found, ""};
}

Check CheckThreads(int asked) {
  cpu_set_t set;
  const int processors = sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set) : 1;
  const int threads = asked > 0 ? asked : CountProcessors();
  const std::string found = std::to_string(threads) + (threads == 1 ? " thread on " : " threads on ") +
                            std::to_string(processors) + (processors == 1 ? " processor" : " processors");
  const double granted = std::min<double>(processors, ProcessorQuota("/"));
  if (threads > granted + 0.5) {
    char text[96];
    std::snprintf(text, sizeof(text), "--threads %d: more than the %.3g processors granted only wait",
                  std::max(1, static_cast<int>(granted)), granted);
    return {"threads", Health::kWarn, found, text};
  }
  return {"threads", Health::kOk, found, ""};
}

Check CheckDevice(const Result<std::string>& device) {
  if (!device.ok()) return {"device", Health::kFail, device.error().message, "--device cpu works everywhere"};
  return {"device", Health::kOk, device.value(), ""};
}

// "NVIDIA driver 580.65.06", as its kernel module tells; nothing without one.
std::optional<std::string> FindDriver() {
  const Result<Bytes> bytes = ReadBegin("/sys/module/nvidia/version", 64);
  if (!bytes.ok()) return std::nullopt;
  const std::string text(bytes.value().begin(), bytes.value().end());
  return "NVIDIA driver " + text.substr(0, text.find('\n'));
}

// What keeps this machine from computing on a GPU. On a machine without any sign of one nothing is wrong.
Check CheckCuda(const CudaFacts& cuda) {
  constexpr const char* kSubject = "cuda";
  const std::optional<std::string> driver = FindDriver();
  if (cuda.version.empty()) {
    const std::string found = "this LibTorch is built without CUDA; " + driver.value_or("no NVIDIA driver");
    if (!driver.has_value()) return {kSubject, Health::kOk, found, ""};
    return {kSubject, Health::kWarn, found,
            "build against a LibTorch with CUDA (README, Build and test) and use --device cuda"};
  }
  std::string built = "LibTorch is built with CUDA " + cuda.version + "; ";
  if (!driver.has_value() && cuda.num_devices == 0) {
    return {kSubject, Health::kWarn, built + "no NVIDIA driver",
            "install NVIDIA's driver for the GPU; without one only --device cpu works"};
  }
  built += driver.value_or("NVIDIA driver of unknown version");
  if (cuda.num_devices == 0) {
    if (const char* visible = std::getenv("CUDA_VISIBLE_DEVICES"); visible != nullptr) {
      return {kSubject, Health::kWarn, built + ", but no device: CUDA_VISIBLE_DEVICES is \"" + visible + "\"",
              "unset it, or set it to 0"};
    }
    if (access("/dev/nvidiactl", R_OK | W_OK) != 0) {
      return {kSubject, Health::kWarn, built + ", but no device: /dev/nvidiactl cannot be opened",
              "start a container with its GPUs (docker run --gpus all), or ask for rights on /dev/nvidia*"};
    }
    return {kSubject, Health::kWarn, built + ", but no device: " + cuda.fault,
            "see what nvidia-smi says; an old driver needs an update, or a LibTorch for an older CUDA"};
  }
  const std::string devices =
      ", " + std::to_string(cuda.num_devices) + (cuda.num_devices == 1 ? " device" : " devices");
  if (!cuda.fault.empty()) {
    return {kSubject, Health::kWarn, built + devices + ", but the first cannot compute: " + cuda.fault,
            "the GPU may be too old or too new for this LibTorch: take one that is built for it"};
  }
  return {kSubject, Health::kOk, built + devices, ""};
}

std::vector<Check> Examine(State& state) {
  std::vector<Check> checks;
  checks.push_back(
      {"kitsink", Health::kOk, std::string(Version()) + ", " KITSINK_BUILD_TYPE " build, " KITSINK_COMPILER, ""});
  const Status nets = ResolveNets(state.job);
  const fs::path clip = FindClip(state.clip);
  Check clip_check = CheckClip(clip);
  uint64_t raw_bytes = kContestFrames * kContestFrameSize.size_bytes();
  std::string of_what = "the contest's clip";

  const Result<const Engine*> engine = OpenEngine();
  std::optional<EngineFacts> facts;
  if (!engine.ok()) {
    checks.push_back(
        {"engine", Health::kFail, engine.error().message,
         "install kitsink whole (README, Build and test): without it only verbs that do not compute work"});
  } else {
    facts.emplace(engine.value()->describe(clip_check.health == Health::kFail ? fs::path() : clip, state.job));
    checks.push_back({"engine", Health::kOk, facts->torch + "; built against " KITSINK_TORCH_VERSION, ""});
    checks.push_back({"ffmpeg", Health::kOk, facts->decoder, ""});
    checks.push_back(CheckCuda(facts->cuda));
    checks.push_back(CheckDevice(facts->device));
    if (!facts->video.ok()) {
      clip_check.health = Health::kFail;
      clip_check.found = facts->video.error().message;
      clip_check.advice = "name an 8-bit 4:2:0 video";
    } else if (const VideoFacts& video = facts->video.value(); video.num_frames > 0) {
      raw_bytes = video.num_frames * video.frame_size.size_bytes();
      of_what = clip.string();
      clip_check.found += ", " + std::to_string(video.num_frames) + " frames of " +
                          std::to_string(video.frame_size.width) + " x " + std::to_string(video.frame_size.height);
    }
  }
  checks.push_back(CheckThreads(state.job.threads));
  if (!nets.ok()) {
    checks.push_back({"nets", Health::kFail, nets.error().message, "scripts/fetch_models fetches the contest's"});
  } else {
    checks.push_back(CheckNet("segnet", state.job.nets_folder, kContestSegNet));
    checks.push_back(CheckNet("posenet", state.job.nets_folder, kContestPoseNet));
    const bool files_well = checks.back().health != Health::kFail && checks[checks.size() - 2].health != Health::kFail;
    // Files that are there may still not load: damaged, swapped, or too large for the memory.
    if (files_well && facts.has_value() && !facts->nets.ok()) {
      checks.push_back(
          {"nets", Health::kFail, facts->nets.error().message, "fetch them again, or name others with --nets"});
    }
  }
  checks.push_back(clip_check);
  checks.push_back(CheckDisk(state.output, raw_bytes, of_what));
  return checks;
}

std::string ToJson(const std::vector<Check>& checks, size_t failed) {
  nlohmann::ordered_json json;
  json["failed"] = failed;
  for (const Check& check : checks) {
    json["checks"].push_back({{"check", check.subject},
                              {"health", kHealthNames[static_cast<int>(check.health)]},
                              {"found", check.found},
                              {"advice", check.advice}});
  }
  return ToText(json);
}

int Run(State& state) {
  StartOutput(state.out);
  const std::vector<Check> checks = Examine(state);
  const auto failed = static_cast<size_t>(
      std::count_if(checks.begin(), checks.end(), [](const Check& check) { return check.health == Health::kFail; }));
  if (state.out.json) {
    std::fputs(ToJson(checks, failed).c_str(), stdout);
  } else {
    const bool colour = WantsColour(STDOUT_FILENO);
    for (const Check& check : checks) {
      const auto index = static_cast<int>(check.health);
      if (state.out.quiet && check.health == Health::kOk) continue;
      std::printf("%s%-4s%s  %-8s %s\n", colour ? kColours[index] : "", kHealthNames[index], colour ? "\033[0m" : "",
                  check.subject, check.found.c_str());
      if (!check.advice.empty()) std::printf("      %-8s -> %s\n", "", check.advice.c_str());
    }
  }
  if (failed == 0) return kExitDone;
  return Fail("doctor", {Code::kIo, std::to_string(failed) + " of " + std::to_string(checks.size()) +
                                        " checks failed; each says above what to do"});
}

}  // namespace

void AddDoctor(CLI::App& app, Action& action) {
  CLI::App* verb = app.add_subcommand("doctor", "Check what kitsink needs on this machine, and say what to do");
  const auto state = std::make_shared<State>();
  verb->add_option("CLIP", state->clip, "A video to check too; default: the contest's, where people keep it")
      ->type_name("FILE");
  verb->add_option("-o,--output", state->output, "Where raw frames would be written")
      ->type_name("DIR")
      ->capture_default_str();
  AddNetsOptions(*verb, state->job);
  AddDeviceOption(*verb, state->job);
  AddOutputOptions(*verb, state->out);
  verb->footer(
      "Examples:\n"
      "  kitsink doctor\n"
      "  kitsink doctor videos/0.mkv --nets models/contest --output /scratch --json\n"
      "Each line is ok, warn (it works, but not as in the contest) or fail; with a fail the exit code is 1.");
  verb->callback([state, &action] { action = [state] { return Run(*state); }; });
}

}  // namespace kitsink
