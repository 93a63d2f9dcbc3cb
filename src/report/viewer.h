#pragma once
// Pairs in pictures. Without its script all pairs stand below each other; the script shows them one by one, with a zoom
// window that all pictures share.

#include <string>
#include <string_view>

#include "kitsink/page.h"

namespace kitsink {

// REQUIRES: page.pairs are among the pairs of page.score.
std::string DrawPairs(const RunPage& page);
// JavaScript for a page with DrawPairs().
std::string_view ViewerScript();
// The colours of the first `num_classes` classes with their names; classes that the contest's SegNet lacks have
// numbers.
std::string DrawLegend(size_t num_classes, const std::string& more);

}  // namespace kitsink
