// Trains one stand-in net on a folder of scenes and writes its file.

#include "train_standin/jobs.h"

#include "kitsink/nets.h"
#include "train_standin/trainer.h"

namespace kitsink::standin {

Status RunTraining(NetKind kind, const std::filesystem::path& scenes, Seeds seeds, const TrainJob& job,
                   Progress& progress) {
  KIT_ASSIGN(const Device device, ParseDevice(job.device));
  return Guarded("train_standin", [&]() -> Status {
    KIT_ASSIGN(const Scenes data, LoadScenes(scenes, seeds));
    NetOptions options;
    options.seed = job.seed;
    options.steps = job.steps;
    options.batch = job.batch;
    options.rate = job.rate;
    options.decay = job.decay;
    options.turns = job.turns;
    options.crop_steps = job.crop_steps;
    options.head_batches = job.head_batches;
    options.initial = job.initial;
    options.checkpoint = job.output.string() + ".checkpoint";
    torch::manual_seed(job.seed);
    const bool seg = kind == NetKind::kSegNet;
    const std::shared_ptr<FrozenNet> net = seg ? CreateSegNet(StandInSegNet()) : CreatePoseNet(StandInPoseNet());
    net->to(TorchDevice(device));
    KIT_TRY(seg ? TrainSegNet(*net, data, options, progress) : TrainPoseNet(*net, data, options, progress));
    return SaveNet(job.output, *net);
  });
}

}  // namespace kitsink::standin
