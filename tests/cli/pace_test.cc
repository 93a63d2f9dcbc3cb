// Tests of the rate that progress shows.

#include "cli/pace.h"

#include <gtest/gtest.h>

namespace kitsink {
namespace {

TEST(Pace, LeavesOutWhatAnEarlierRunMade) {
  Pace training;
  training.Update(0.001, 91);
  EXPECT_DOUBLE_EQ(training.Update(4.001, 92), 0.25);
  EXPECT_DOUBLE_EQ(training.Update(8.001, 93), 0.25);
  Pace pairs;  // 100 that are there already, ten a second, then one a second
  for (int i = 1; i <= 100; ++i) EXPECT_NEAR(pairs.Update(0.1 * i, i), 10, 1e-9);
  double rate = 0;
  for (int i = 1; i <= 30; ++i) rate = pairs.Update(10 + i, 100 + i);
  EXPECT_NEAR(rate, 1, 1e-9);
}

TEST(Pace, KnowsNothingAtFirst) {
  Pace pace;
  EXPECT_EQ(pace.Update(0, 0), 0);
  EXPECT_EQ(pace.Update(3, 0), 0);
  EXPECT_DOUBLE_EQ(pace.Update(4, 2), 0.5);
}

}  // namespace
}  // namespace kitsink
