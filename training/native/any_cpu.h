// What the kernels share on any CPU.
#pragma once

#include <algorithm>
#include <cmath>
#include <utility>

namespace {

// The quotient by an infinity, as -ffast-math approximates it, would be no number.
inline float sigmoid(float x) { return 1.0f / (1.0f + std::exp(std::min(-x, 80.0f))); }
inline float tanh_of(float x) { return 2.0f * sigmoid(2.0f * x) - 1.0f; }

// The rows of one of `threads` threads, a multiple of kRows: first, count.
template <int kRows>
std::pair<int, int> share(int batch, int threads, int thread) {
  const int each = (batch / kRows + threads - 1) / threads * kRows;
  const int first = std::min(batch, each * thread);
  return {first, std::min(batch, first + each) - first};
}

}  // namespace
