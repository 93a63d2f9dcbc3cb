#pragma once
// The third stage of compress: selector codes, chosen by searching pairs as inflate will.

#include "codecs/search/choose_selectors.h"
#include "codecs/search/observe.h"
#include "codecs/search/scene.h"
#include "kitsink/codec.h"

namespace kitsink::search {

// `threads` are all that compress has. Searches that an earlier job has done are not done again.
Result<SelectorChoice> ChooseTails(const Scene& scene, const ObservedClip& clip, SelectorEffort effort,
                                   double score_per_byte, Nets& nets, const ResumeFolder& folder, int threads,
                                   Progress& progress);

}  // namespace kitsink::search
