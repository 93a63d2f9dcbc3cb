#pragma once
// Searches the motion between maps, for the encoder.

#include <cstdint>
#include <span>

#include "mask/map_tables.h"
#include "mask/motion.h"

namespace kitsink {

// The best centre, horizon and plane for a clip, all other fields zero. They belong to the camera, so one search serves
// all maps.
Motion FindCamera(std::span<const uint8_t> ids, int width, int height, size_t count);

// The motion that warps `previous` nearest to `actual` (previous.height rows of previous.width ids). Starts from
// `last`.
Motion FindMotion(const uint8_t* actual, const MapTables& previous, const Motion& last);

}  // namespace kitsink
