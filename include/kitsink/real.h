#pragma once
// Real numbers whose arithmetic is integer arithmetic, so that a model that decides bits may use them: every compiler
// and processor computes the same. 31 significant bits.

#include <algorithm>
#include <bit>
#include <cstdint>

namespace kitsink {

class Real {
 public:
  constexpr Real() = default;
  // value * 2^exponent, rounded to 31 bits. REQUIRES: |value| < 2^62.
  constexpr explicit Real(int64_t value, int exponent = 0) : Real(Normalised(value, exponent)) {}

  constexpr bool positive() const { return mantissa_ > 0; }
  constexpr bool zero() const { return mantissa_ == 0; }

  friend constexpr Real operator-(Real a) {
    a.mantissa_ = -a.mantissa_;
    return a;
  }
  friend constexpr Real operator+(Real a, Real b) {
    if (a.mantissa_ == 0) return b;
    if (b.mantissa_ == 0) return a;
    if (a.exponent_ < b.exponent_) std::swap(a, b);
    const int shift = a.exponent_ - b.exponent_;
    if (shift > kBits) return a;
    return Normalised(a.mantissa_ * (int64_t{1} << shift) + b.mantissa_, b.exponent_);
  }
  friend constexpr Real operator-(Real a, Real b) { return a + -b; }
  friend constexpr Real operator*(Real a, Real b) {
    return Normalised(a.mantissa_ * b.mantissa_, a.exponent_ + b.exponent_);
  }
  // REQUIRES: !b.zero().
  friend constexpr Real operator/(Real a, Real b) {
    return Normalised(a.mantissa_ * (int64_t{1} << kBits) / b.mantissa_, a.exponent_ - b.exponent_ - kBits);
  }
  friend constexpr bool operator<(Real a, Real b) { return (b - a).positive(); }
  friend constexpr Real Max(Real a, Real b) { return a < b ? b : a; }
  friend constexpr Real Min(Real a, Real b) { return a < b ? a : b; }

  // REQUIRES: not negative.
  constexpr Real Sqrt() const {
    if (mantissa_ == 0) return {};
    const int odd = exponent_ & 1;
    const uint64_t square = static_cast<uint64_t>(mantissa_) << (kBits - 1 - odd);  // below 2^61
    uint64_t root = uint64_t{1} << 31;                                              // Newton's iteration from above
    for (uint64_t next = (root + square / root) / 2; next < root; next = (root + square / root) / 2) root = next;
    return Normalised(static_cast<int64_t>(root), (exponent_ - (kBits - 1 - odd)) / 2);
  }

  // floor(value * 2^fraction_bits), at most `most` in magnitude. REQUIRES: 0 < most < 2^61.
  constexpr int64_t ToFixed(int fraction_bits, int64_t most) const {
    const int shift = exponent_ + fraction_bits;
    if (mantissa_ == 0 || shift < -62) return mantissa_ < 0 ? -1 : 0;
    if (shift > 30) return mantissa_ < 0 ? -most : most;
    const int64_t fixed = shift >= 0 ? mantissa_ * (int64_t{1} << shift) : mantissa_ >> -shift;
    return std::clamp(fixed, -most, most);
  }

 private:
  static constexpr int kBits = 31;
  static constexpr int kMaxExponent = 1 << 20;  // beyond it, results saturate; no model comes near

  static constexpr Real Normalised(int64_t value, int exponent) {
    Real real;
    if (value == 0) return real;
    const int shift = static_cast<int>(std::bit_width(static_cast<uint64_t>(value < 0 ? -value : value))) - kBits;
    real.mantissa_ = shift > 0 ? (value + (int64_t{1} << (shift - 1))) >> shift : value * (int64_t{1} << -shift);
    real.exponent_ = std::clamp(exponent + shift, -kMaxExponent, kMaxExponent);
    return real;
  }

  int64_t mantissa_ = 0;  // 0, or a magnitude of 2^30 .. 2^31
  int32_t exponent_ = 0;
};

}  // namespace kitsink
