// Range coder with bitwise renormalisation.

#include "kitsink/range_coder.h"

#include <string>

namespace kitsink {
namespace {

constexpr uint64_t kQuarter = 1ULL << 30;
constexpr uint64_t kHalf = 2 * kQuarter;
constexpr uint64_t kThreeQuarters = 3 * kQuarter;

}  // namespace

void RangeEncoder::PutBit(uint32_t bit) {
  if (partial_ == 0) partial_ = 1;
  partial_ = partial_ << 1 | bit;
  if (partial_ < 256) return;
  bytes_.push_back(static_cast<uint8_t>(partial_));
  partial_ = 0;
}

void RangeEncoder::PutBitAndPending(uint32_t bit) {
  PutBit(bit);
  for (; pending_ > 0; --pending_) PutBit(bit ^ 1);
}

void RangeEncoder::Encode(uint32_t first, uint32_t last, uint32_t total) {
  const uint64_t range = high_ - low_ + 1;
  high_ = low_ + range * last / total - 1;
  low_ += range * first / total;
  for (;;) {
    uint64_t offset = 0;
    if (high_ < kHalf) {
      PutBitAndPending(0);
    } else if (low_ >= kHalf) {
      PutBitAndPending(1);
      offset = kHalf;
    } else if (low_ >= kQuarter && high_ < kThreeQuarters) {
      ++pending_;
      offset = kQuarter;
    } else {
      return;
    }
    low_ = 2 * (low_ - offset);
    high_ = 2 * (high_ - offset) + 1;
  }
}

Bytes RangeEncoder::Finish() {
  ++pending_;
  PutBitAndPending(low_ < kQuarter ? 0 : 1);
  while (partial_ != 0) PutBit(0);
  return std::move(bytes_);
}

RangeDecoder::RangeDecoder(std::span<const uint8_t> bytes) : bytes_(bytes) {
  for (int i = 0; i < 32; ++i) code_ = code_ << 1 | NextBit();
}

uint32_t RangeDecoder::NextBit() {
  const size_t byte = position_bits_ / 8;
  const uint32_t bit = byte < bytes_.size() ? uint32_t{bytes_[byte]} >> (7 - position_bits_ % 8) & 1U : 0U;
  ++position_bits_;
  return bit;
}

uint32_t RangeDecoder::Target(uint32_t total) const {
  return static_cast<uint32_t>(((code_ - low_ + 1) * total - 1) / (high_ - low_ + 1));
}

void RangeDecoder::Advance(uint32_t first, uint32_t last, uint32_t total) {
  const uint64_t range = high_ - low_ + 1;
  high_ = low_ + range * last / total - 1;
  low_ += range * first / total;
  for (;;) {
    uint64_t offset = 0;
    if (high_ < kHalf) {
      offset = 0;
    } else if (low_ >= kHalf) {
      offset = kHalf;
    } else if (low_ >= kQuarter && high_ < kThreeQuarters) {
      offset = kQuarter;
    } else {
      return;
    }
    low_ = 2 * (low_ - offset);
    high_ = 2 * (high_ - offset) + 1;
    code_ = 2 * (code_ - offset) | NextBit();
  }
}

Status RangeDecoder::Finish(std::string_view object) const {
  // The encoder writes one bit per shift and two at the flush, including pending bits. The decoder is 32 bits ahead.
  const size_t expected_bytes = (position_bits_ - 32 + 2 + 7) / 8;
  if (bytes_.size() != expected_bytes) {
    return Error{Code::kCorrupt, std::string(object) + ": got " + std::to_string(bytes_.size()) +
                                     " bytes of code, expected " + std::to_string(expected_bytes)};
  }
  // Renormalisation has removed all earlier bits, so code_ must be the flush (01 or 10) followed by padding zeros.
  if (code_ != (low_ < kQuarter ? kQuarter : kHalf)) {
    return Error{Code::kCorrupt, std::string(object) + ": the code does not end with the encoder's flush, at byte " +
                                     std::to_string(bytes_.size())};
  }
  return Ok();
}

}  // namespace kitsink
