// Functions that all kernels share, on any CPU.
#pragma once

#include <algorithm>
#include <cmath>
#include <utility>

namespace {

// The argument is bounded because -ffast-math turns a division by infinity into NaN.
inline float sigmoid(float x) { return 1.0f / (1.0f + std::exp(std::min(-x, 80.0f))); }
inline float tanh_of(float x) { return 2.0f * sigmoid(2.0f * x) - 1.0f; }

// The rows of one thread, first and count; a multiple of kRows.
template <int kRows>
std::pair<int, int> share(int batch, int threads, int thread) {
  const int each = (batch / kRows + threads - 1) / threads * kRows;
  const int first = std::min(batch, each * thread);
  return {first, std::min(batch, first + each) - first};
}

}  // namespace
