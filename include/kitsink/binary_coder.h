#pragma once
// An arithmetic coder of single binary decisions, each with its own 32-bit probability.
//
// State: the closed interval [low, high] of 64-bit integers, at first all of them. A decision with probability p of a
// one (in units of 2^-32) splits it at mid = low + floor((high - low) * p / 2^32). A one keeps [low, mid], a zero keeps
// [mid + 1, high]. While low and high share their first byte, the coder outputs this byte and shifts both by 8 bits:
// low takes in zeros, high takes in ones. There is no carry. The end of the stream is the shortest byte string inside
// [low, high] without its trailing zero bytes, because a decoder reads zeros past the end. A whole stream leaves out
// those of this end alone.

#include <cstddef>
#include <cstdint>
#include <span>

#include "kitsink/bytes.h"

namespace kitsink {

// The value that ends a stream: of those in [low, high], the one with the most trailing zero bytes.
uint64_t EndOfInterval(uint64_t low, uint64_t high);

// Returns mid. p_one may be any value: mid stays below high, so both decisions remain possible.
inline uint64_t SplitInterval(uint64_t low, uint64_t high, uint32_t p_one) {
  const uint64_t range = high - low;
  return low + (range >> 32) * p_one + (((range & 0xffffffffU) * p_one) >> 32);
}

class BinaryEncoder {
 public:
  // Appends the decision to the stream and returns it.
  int Code(int bit, uint32_t p_one) {
    const uint64_t mid = SplitInterval(low_, high_, p_one);
    (bit != 0 ? high_ : low_) = bit != 0 ? mid : mid + 1;
    while (((low_ ^ high_) >> 56) == 0) {
      bytes_.push_back(static_cast<uint8_t>(high_ >> 56));
      low_ <<= 8;
      high_ = high_ << 8 | 0xff;
    }
    return bit;
  }
  // Ends the stream and returns it. The encoder cannot be used afterwards.
  Bytes Finish();
  // The same, but it keeps the trailing zero bytes that the coder had put out before: a decoder never reads more than 8
  // zeros past such a stream, so failed() tells that one was cut.
  Bytes FinishWhole();
  bool failed() const { return false; }

 private:
  void AppendEnd();
  uint64_t low_ = 0, high_ = UINT64_MAX;
  Bytes bytes_;
};

// Reads what a BinaryEncoder wrote, given the same probabilities in the same order. Past the end of its bytes it reads
// zeros, and no number of them is too large: an encoder leaves out all trailing zero bytes, and a stream may end with a
// long run of decisions that are ones.
class BinaryDecoder {
 public:
  explicit BinaryDecoder(std::span<const uint8_t> bytes);
  // Returns the next decision. Ignores the first argument, which gives both coders the same signature.
  int Code(int /*bit*/, uint32_t p_one) {
    const uint64_t mid = SplitInterval(low_, high_, p_one);
    const int bit = code_ <= mid ? 1 : 0;
    (bit != 0 ? high_ : low_) = bit != 0 ? mid : mid + 1;
    while (((low_ ^ high_) >> 56) == 0) {
      low_ <<= 8;
      high_ = high_ << 8 | 0xff;
      code_ = code_ << 8 | NextByte();
    }
    return bit;
  }
  // True when the decoder has read more than 8 zeros past its bytes. A stream of FinishWhole() is then damaged; one of
  // Finish() may end with more than 64 bits' worth of ones.
  bool failed() const { return position_ > bytes_.size() + 8; }
  // Number of bytes not read yet; 0 at the end of an undamaged stream.
  size_t unread() const { return position_ >= bytes_.size() ? 0 : bytes_.size() - position_; }
  // True when BinaryEncoder::Finish() would return exactly these bytes after the decisions read so far.
  bool at_end() const;

 private:
  uint8_t NextByte() {
    const uint8_t byte = position_ < bytes_.size() ? bytes_[position_] : uint8_t{0};
    ++position_;
    return byte;
  }
  std::span<const uint8_t> bytes_;
  size_t position_ = 0;
  uint64_t low_ = 0, high_ = UINT64_MAX, code_ = 0;
};

}  // namespace kitsink
