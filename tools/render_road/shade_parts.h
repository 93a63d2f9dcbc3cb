#pragma once
// Functions shared by the shading sources.

#include "shade.h"

namespace kitsink::road {

Color ShadeGround(const Moment& moment, const Triangle& triangle, const Spot& spot);
// Light of the own car's headlights at a point.
Color Headlights(const Moment& moment, Vec3 point);
// Light of the street lamps at (s, t), `up` metres over the road.
Color StreetLamps(const World& world, double s, double t, double up);
// Gradient of the sky without clouds and hills, for reflections.
Color SkyGradient(const Light& light, Vec3 direction);

}  // namespace kitsink::road
