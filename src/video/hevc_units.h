#pragma once
// What the units of an HEVC packet are.

#include <optional>

#include "video/ffmpeg.h"

namespace kitsink {

// True if start codes separate the units. Else each unit has its length before it, as in mp4 and mkv.
bool HasStartCodes(const AVCodecParameters& parameters);

// Type of the first unit of the packet that is part of a picture, ITU-T H.265 table 7-1; nothing when there is none.
std::optional<int> FindPictureType(const AVCodecParameters& parameters, const AVPacket& packet);

// A picture from which decoding can start: IDR, BLA or CRA.
inline bool StartsDecoding(int type) { return type >= 16 && type <= 23; }

// A picture shown before the one that started the decoding, though it comes after it (RADL and RASL).
inline bool IsLeading(int type) { return type >= 6 && type <= 9; }

// A leading picture that refers to pictures before the one that started the decoding (RASL).
inline bool RefersBeforeStart(int type) { return type == 8 || type == 9; }

}  // namespace kitsink
