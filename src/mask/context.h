#pragma once
// What the model sees around a pixel, and the contexts made of it.

#include <array>
#include <cstdint>

#include "mask/map_tables.h"
#include "mask/predictor.h"

namespace kitsink {

// The maps a pixel is predicted from. `warped` is the previous map after motion compensation.
struct Surroundings {
  const MapTables* current;
  const MapTables* previous;
  const MapTables* older;
  const MapTables* warped;
};

class ContextMaker {
 public:
  ContextMaker();
  static constexpr int kLightContexts = 14;
  static constexpr int kHeavyContexts = 48;
  static PredictorShape LightShape();
  static PredictorShape HeavyShape();

  // Gathers what depends on the pixel only.
  void Light(const Surroundings& maps, int x, int y);
  void Heavy(const Surroundings& maps, int x, int y);
  // Adds the decision: its rank and the class asked for.
  void SetLight(Predictor& predictor, int rank, int candidate) const;
  void SetHeavy(Predictor& predictor, int rank, int candidate) const;

 private:
  std::array<uint32_t, kLightContexts> light_{};
  std::array<uint32_t, kHeavyContexts> heavy_{};
  std::array<int, 8> selectors_{};
  std::array<int, 8> light_selectors_{};
  std::array<uint8_t, 520> quantum_{};  // of an edge distance + 255
};

}  // namespace kitsink
