// Measures a scene through the bytes of its archive.

#include "codecs/hnerv/measure.h"

#include <memory>

#include "codecs/hnerv/source.h"
#include "kitsink/bytes.h"

namespace kitsink::hnerv {

Result<MeasuredScene> MeasureScene(const Scene& scene, std::span<const Observation> targets, Nets& nets,
                                   uint64_t original_bytes, const CodingContext& context) {
  MeasuredScene measured;
  KIT_ASSIGN(measured.member, EncodeScene(scene, context));
  KIT_ASSIGN(const Scene decoded, DecodeScene(measured.member, context));
  if (decoded != scene) {
    return Error{Code::kInternal, "archive: decoding it again gave other integers than were encoded"};
  }
  KIT_ASSIGN(const std::unique_ptr<PairSource> pairs, OpenPairs(decoded, context));
  KIT_ASSIGN(measured.score,
             ScoreMember(measured.member, *pairs, targets, nets, original_bytes, context, &measured.pairs));
  return measured;
}

Result<KeptScore> MeasureKept(const std::string& entry, const Scene& scene,
                              const std::function<Result<MeasuredScene>(const Scene&)>& measure,
                              const ResumeFolder& folder) {
  const auto make = [&]() -> Result<Bytes> {
    if (folder.Has(entry)) return folder.Load(entry);
    KIT_ASSIGN(const MeasuredScene measured, measure(scene));
    ByteWriter writer;
    writer.U64(measured.score.archive_bytes);
    writer.U64(measured.score.original_bytes);
    for (const PairDistortion& pair : measured.pairs) {
      writer.F32(pair.seg);
      writer.F32(pair.pose);
    }
    const Bytes bytes = writer.Take();
    KIT_TRY(folder.Save(entry, bytes));
    return bytes;
  };
  KIT_ASSIGN(const Bytes bytes, folder.crew().FromLeader(make));
  ByteReader reader(bytes);
  KeptScore kept;
  kept.score.archive_bytes = reader.U64();
  kept.score.original_bytes = reader.U64();
  kept.pairs.resize(scene.latents.num_pairs);
  for (PairDistortion& pair : kept.pairs) {
    pair.seg = reader.F32();
    pair.pose = reader.F32();
  }
  KIT_TRY(reader.Finish("measured scene"));
  const MeanDistortion means = ExactMeans(kept.pairs);
  kept.score.seg = means.seg;
  kept.score.pose = means.pose;
  return kept;
}

}  // namespace kitsink::hnerv
