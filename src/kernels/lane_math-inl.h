// Functions of lanes, for whatever kind of them the including file has brought into namespace kitsink.

namespace kitsink {
namespace {

constexpr float kRound = 12582912.0F;  // 1.5 * 2^23: adding it rounds to an integer, ties to even, in the low bits

// 2^u for u in -126 .. 127, relative error below 1.6e-7: a polynomial on -0.5 .. 0.5 and the exponent.
KIT_LANES Lanes Exp2(Lanes u) {
  const Lanes integer = Add(u, Broadcast(kRound));
  const Lanes rest = Sub(u, Sub(integer, Broadcast(kRound)));
  Lanes p = Broadcast(0.00132647273F);
  p = MulAdd(p, rest, Broadcast(0.00967151299F));
  p = MulAdd(p, rest, Broadcast(0.0555073358F));
  p = MulAdd(p, rest, Broadcast(0.240222424F));
  p = MulAdd(p, rest, Broadcast(0.693147004F));
  p = MulAdd(p, rest, Broadcast(1.0F));
  return ShiftExponent(p, integer);
}

// 255 / (1 + e^-x).
KIT_LANES Lanes ByteSigmoid(Lanes x) {
  const Lanes bounded = Min(Max(x, Broadcast(-80.0F)), Broadcast(80.0F));
  const Lanes e = Exp2(Mul(bounded, Broadcast(-1.44269504F)));
  return Div(Broadcast(255.0F), Add(e, Broadcast(1.0F)));
}

// sin x within 2.2 units in the last place for |x| up to 1,000, near it up to kSineRange. Larger arguments count as
// kSineRange, a NaN as -kSineRange. x = n * pi + r, with pi in three parts, of which the first product leaves no
// rounding; then a polynomial that is minimax in the relative error, 6e-9, on |r| <= pi / 2.
constexpr float kSineRange = 1048576.0F;
KIT_LANES Lanes Sine(Lanes x) {
  const Lanes bounded = Min(Max(x, Broadcast(-kSineRange)), Broadcast(kSineRange));
  const Lanes rounded = MulAdd(bounded, Broadcast(0.318309886F), Broadcast(kRound));
  const Lanes n = Sub(rounded, Broadcast(kRound));
  Lanes r = NegMulAdd(n, Broadcast(3.14159274F), bounded);
  r = NegMulAdd(n, Broadcast(-8.74227766e-08F), r);
  r = NegMulAdd(n, Broadcast(-3.43024902e-15F), r);
  const Lanes square = Mul(r, r);
  Lanes p = Broadcast(2.60563115e-06F);
  p = MulAdd(p, square, Broadcast(-0.000198095397F));
  p = MulAdd(p, square, Broadcast(0.00833306555F));
  p = MulAdd(p, square, Broadcast(-0.166666597F));
  return FlipSign(MulAdd(Mul(p, square), r, r), rounded);
}

}  // namespace
}  // namespace kitsink
