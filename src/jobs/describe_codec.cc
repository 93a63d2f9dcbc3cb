// Adds to a score report what is known about the archive's codec.

#include "jobs/describe_codec.h"

namespace kitsink {

void DescribeCodec(const ArchiveCodec& codec, bool inflated_by_kitsink, ScoreReport& report) {
  report.codec = codec.name;
  report.nets_at_inflate = codec.nets_at_inflate && inflated_by_kitsink;
  if (codec.nets_at_inflate && !inflated_by_kitsink) {
    report.notes.push_back("no manifest beside the frames says that kitsink inflated them: it was assumed that no " +
                           std::string("evaluator net ran, though codec ") + codec.name +
                           " runs them, and the archive alone is counted");
  }
  if (!codec.name.empty()) return;
  report.notes.push_back(
      "the archive is not one that kitsink knows: it was assumed that inflating runs no evaluator net, and the archive "
      "alone is counted");
}

}  // namespace kitsink
