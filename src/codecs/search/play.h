#pragma once
// The third stage of compress: chooses selector codes by searching pairs as inflate will.

#include "codecs/search/choose_selectors.h"
#include "codecs/search/observe.h"
#include "codecs/search/scene.h"
#include "kitsink/codec.h"

namespace kitsink::search {

// `threads` is the total for all searches at once. Reuses the searches that an earlier job has finished.
Result<SelectorChoice> ChooseTails(const Scene& scene, const ObservedClip& clip, SelectorEffort effort,
                                   double score_per_byte, Nets& nets, const ResumeFolder& folder, int threads,
                                   Progress& progress);

}  // namespace kitsink::search
