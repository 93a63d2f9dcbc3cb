// Makes, keeps and takes the entries of many items.

#include "codecs/entries.h"

#include <mutex>

#include "kitsink/at_once.h"
#include "kitsink/crew.h"
#include "nets/nets_torch.h"

namespace kitsink {

Error Interrupted() { return Error{Code::kInterrupted, "interrupted; the same command goes on from here"}; }

double PairsOfAProcess(size_t num_pairs, const ResumeFolder& folder) {
  return static_cast<double>(num_pairs) / static_cast<double>(folder.crew().shard().count);
}

Result<Checkpoint> CheckpointOf(const ResumeFolder& folder, const std::string& entry) {
  Checkpoint checkpoint;
  if (folder.Has(entry)) {
    KIT_ASSIGN(checkpoint.saved, folder.Load(entry));
  }
  checkpoint.save = [folder, entry](std::span<const uint8_t> bytes) { return folder.Save(entry, bytes); };
  checkpoint.crew = &folder.crew();
  return checkpoint;
}

Status MakeEntries(const EntryWork& work, const ResumeFolder& folder, Progress& progress) {
  const PairRange own = folder.crew().shard().PartOf(work.count);
  std::mutex mutex;
  uint64_t done = 0;
  progress.Begin(work.stage, own.end - own.first, work.unit);
  const auto make = [&](size_t, size_t i) -> Status {
    const size_t item = own.first + i;
    if (const std::string name = work.name(item); !folder.Has(name)) {
      KIT_TRY(Guarded(work.stage, [&]() -> Status {
        KIT_ASSIGN(const Bytes bytes, work.make(item));
        return folder.Save(name, bytes);
      }));
    }
    const std::lock_guard lock(mutex);
    progress.Update(++done, "");
    return progress.stop_requested() ? Status(Interrupted()) : Ok();
  };
  KIT_TRY(RunAtOnce(own.end - own.first, work.at_once, make));
  progress.End();
  KIT_TRY(folder.crew().Wait());
  for (size_t item = 0; item < work.count; ++item) {
    KIT_ASSIGN(const Bytes bytes, folder.Load(work.name(item)));
    ByteReader reader(bytes);
    KIT_TRY(work.take(item, reader));
    KIT_TRY(reader.Finish(work.name(item)));
  }
  return Ok();
}

}  // namespace kitsink
