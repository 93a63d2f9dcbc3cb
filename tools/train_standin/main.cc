// The command train_standin: renders scenes, trains the stand-in nets on them, and measures the nets.

#include <CLI/CLI.hpp>
#include <chrono>
#include <csignal>
#include <cstdio>

#include "kitsink/nets.h"
#include "train_standin/jobs.h"
#include "train_standin/scenes.h"

namespace kitsink::standin {
namespace {

volatile std::sig_atomic_t stop_requested = 0;

class Console final : public Progress {
 public:
  void Begin(std::string_view stage, uint64_t total, std::string_view unit) override {
    stage_ = stage;
    unit_ = unit;
    total_ = total;
    begin_ = Clock::now();
    first_ = UINT64_MAX;
  }
  void Update(uint64_t done, std::string_view note) override {
    first_ = std::min(first_, done);
    const std::chrono::duration<double> passed = Clock::now() - begin_;
    if (done < total_ && passed.count() < shown_ + 1) return;
    shown_ = done < total_ ? passed.count() : -1;
    const double each = done > first_ ? passed.count() / static_cast<double>(done - first_ + 1) : 0;
    std::fprintf(stderr, "\r%s: %llu of %llu %s, %.0f s, %.0f s to go  %.*s  ", stage_.c_str(),
                 static_cast<unsigned long long>(done), static_cast<unsigned long long>(total_), unit_.c_str(),
                 passed.count(), each * static_cast<double>(total_ - done), static_cast<int>(note.size()), note.data());
  }
  void End() override { std::fprintf(stderr, "\n"); }
  bool stop_requested() const override { return standin::stop_requested != 0; }

 private:
  using Clock = std::chrono::steady_clock;
  std::string stage_, unit_;
  uint64_t total_ = 0, first_ = 0;
  double shown_ = -1;
  Clock::time_point begin_;
};

constexpr const char* kAbout =
    R"(Makes the stand-in nets of models/standin: renders scenes, trains the nets on them, measures the nets.
The same command goes on where an interrupted one stopped.)";

void AddSeeds(CLI::App& app, Seeds& seeds) {
  app.add_option("--first", seeds.first, "First scene's seed; held-out scenes begin at 900000")->capture_default_str();
  app.add_option("--count", seeds.count, "Number of scenes")->required();
}

void AddTraining(CLI::App& app, TrainJob& job) {
  app.add_option("--seed", job.seed, "Seed of all random numbers")->capture_default_str();
  app.add_option("--steps", job.steps, "Steps of the optimiser")->check(CLI::Range(1, 10000000))->required();
  app.add_option("--batch", job.batch, "Samples in a step")->check(CLI::Range(2, 4096))->capture_default_str();
  app.add_option("--rate", job.rate, "Largest learning rate")->capture_default_str();
  app.add_option("--decay", job.decay, "Weight decay")->capture_default_str();
  app.add_option("--from", job.initial, "Net to start from; otherwise random weights");
  app.add_option("-o,--output", job.output, "safetensors file to write; FILE.checkpoint lies beside it")->required();
  app.add_option("--device", job.device, "auto, cpu, cuda or cuda:N")->capture_default_str();
}

int Main(int argc, char** argv) {
  CLI::App app(kAbout, "train_standin");
  app.require_subcommand(1);
  std::filesystem::path folder;
  int threads = 0;
  app.add_option("--scenes", folder, "Folder of the scenes")->required();
  app.add_option("--threads", threads, "0 for all")->check(CLI::Range(0, 256))->capture_default_str();
  Seeds seeds;
  TrainJob job;
  ReportJob report;
  CLI::App& render = *app.add_subcommand("render", "Render the scenes that are missing");
  CLI::App& segnet = *app.add_subcommand("segnet", "Train SegNet");
  CLI::App& posenet = *app.add_subcommand("posenet", "Train PoseNet");
  CLI::App& table = *app.add_subcommand("report", "Measure a pair of nets on held-out scenes");
  for (CLI::App* verb : {&render, &segnet, &posenet, &table}) AddSeeds(*verb, seeds);
  for (CLI::App* verb : {&segnet, &posenet}) AddTraining(*verb, job);
  posenet.add_option("--turns", job.turns, "Largest standard deviation of added rotations, in those of the scenes")
      ->capture_default_str();
  posenet.add_option("--crop-steps", job.crop_steps, "How many of the first steps learn only the flow")
      ->capture_default_str();
  posenet.add_option("--head-batches", job.head_batches, "Then train only the last layers, on this many batches")
      ->capture_default_str();
  table.add_option("--nets", report.nets, "Folder of the nets")->required();
  table.add_option("--clip", report.clip, "A real clip to measure, too");
  table.add_option("--masks", report.masks, "Its class maps (u8, 512 x 384 each)");
  table.add_option("--png", report.png, "Folder for pictures of SegNet's class maps");
  CLI11_PARSE(app, argc, argv);

  std::signal(SIGINT, [](int) { stop_requested = 1; });
  std::signal(SIGTERM, [](int) { stop_requested = 1; });
  threads = ConfigureTorch(threads);
  Console progress;
  const Status status = render.parsed()    ? RenderScenes(folder, seeds, threads, progress)
                        : segnet.parsed()  ? RunTraining(NetKind::kSegNet, folder, seeds, job, progress)
                        : posenet.parsed() ? RunTraining(NetKind::kPoseNet, folder, seeds, job, progress)
                                           : RunReport(folder, seeds, report);
  if (status.ok()) return 0;
  std::fprintf(stderr, "\ntrain_standin: %s\n", status.error().message.c_str());
  return 1;
}

}  // namespace
}  // namespace kitsink::standin

int main(int argc, char** argv) { return kitsink::standin::Main(argc, argv); }
