#pragma once
// Adds to a score report what is known about the archive's codec.

#include "kitsink/jobs.h"
#include "kitsink/score.h"

namespace kitsink {

// Fills in the codec and whether it ran the nets at inflate. It did so only when kitsink's own inflate made the frames,
// which their manifest says. For other frames, and for an unknown archive, adds a note that none was assumed to have
// run.
void DescribeCodec(const ArchiveCodec& codec, bool inflated_by_kitsink, ScoreReport& report);

}  // namespace kitsink
