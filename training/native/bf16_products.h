// Matrix products in bfloat16 with AVX512-BF16: two multiply-adds per lane and instruction. Without
// these instructions compilation fails, and torch's own code runs.
#pragma once

#ifndef __AVX512BF16__
#error the CPU has no AVX512-BF16
#endif

#include <cstdint>
#include <cstring>
#include <vector>

#include <immintrin.h>

#include "any_cpu.h"

constexpr int kLanes = 16, kRows = 8;
constexpr int kColumns = 2 * kLanes;

namespace {

// out [kRows, kColumns] (rows `width` apart) = x [kRows, pairs] * panel [pairs, kColumns]. x and
// panel hold pairs of bfloat16.
void multiply_tile(const uint32_t* x, int pairs, const uint32_t* panel, float* out, int width) {
  __m512 sums[kRows][2];
  for (auto& row : sums) row[0] = row[1] = _mm512_setzero_ps();
  for (int i = 0; i < pairs; i++) {
    const __m512bh left = (__m512bh)_mm512_loadu_si512(panel + i * kColumns);
    const __m512bh right = (__m512bh)_mm512_loadu_si512(panel + i * kColumns + kLanes);
#pragma GCC unroll 8
    for (int row = 0; row < kRows; row++) {
      const __m512bh pair = (__m512bh)_mm512_set1_epi32(x[row * pairs + i]);
      sums[row][0] = _mm512_dpbf16_ps(sums[row][0], pair, left);
      sums[row][1] = _mm512_dpbf16_ps(sums[row][1], pair, right);
    }
  }
  for (int row = 0; row < kRows; row++)
    for (int half = 0; half < 2; half++)
      _mm512_storeu_ps(out + row * width + half * kLanes, sums[row][half]);
}

// out [rows, width] = x [rows, 2 * pairs] * weight. weight: panels [width / kColumns, pairs,
// kColumns] of pairs.
void multiply(const uint32_t* x, int rows, int pairs, const uint32_t* weight, int width,
              float* out) {
  for (int column = 0; column < width; column += kColumns)
    for (int row = 0; row < rows; row += kRows)
      multiply_tile(x + row * pairs, pairs, weight + column * pairs, out + row * width + column,
                    width);
}

// Packs neighbours into the pairs that `multiply` reads. count: a multiple of kLanes.
void to_pairs(const float* values, long count, uint32_t* pairs) {
  for (long i = 0; i < count; i += kLanes)
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(pairs + i / 2),
                        (__m256i)_mm512_cvtneps_pbh(_mm512_loadu_ps(values + i)));
}

}  // namespace
