// A GRU over whole sequences, forward and backward, for training on a CPU.
//
// Each thread owns some rows of the batch and runs them through all steps alone, so threads never
// wait for each other; torch's GRU synchronises at every step. Arrays are float32 and contiguous:
// gates [B, T, 3H]; states [B, T + 1, H], the first given by the caller; saved [4, B, T, H], from
// forward to backward. H is a multiple of kColumns, B of kRows.

#include <vector>

#include "any_cpu.h"

#ifdef __AVX512F__
constexpr int kLanes = 16, kRows = 8;
#else
constexpr int kLanes = 8, kRows = 4;
#endif
constexpr int kColumns = 2 * kLanes;  // a panel of 256 inputs fits the L1 cache

typedef float Vector __attribute__((vector_size(4 * kLanes), aligned(4), may_alias));

namespace {

// out [kRows, kColumns] (rows `width` apart) = x [kRows, inputs] * panel [inputs, kColumns]
void multiply_tile(const float* x, int inputs, const float* panel, float* out, int width) {
  Vector sums[kRows][2] = {};
  for (int i = 0; i < inputs; i++) {
    const Vector left = *reinterpret_cast<const Vector*>(panel + i * kColumns);
    const Vector right = *reinterpret_cast<const Vector*>(panel + i * kColumns + kLanes);
    for (int row = 0; row < kRows; row++) {
      sums[row][0] += x[row * inputs + i] * left;
      sums[row][1] += x[row * inputs + i] * right;
    }
  }
  for (int row = 0; row < kRows; row++)
    for (int half = 0; half < 2; half++)
      *reinterpret_cast<Vector*>(out + row * width + half * kLanes) = sums[row][half];
}

// out [rows, width] = x [rows, inputs] * weight. weight: panels [width / kColumns, inputs,
// kColumns].
void multiply(const float* x, int rows, int inputs, const float* weight, int width, float* out) {
  for (int column = 0; column < width; column += kColumns)
    for (int row = 0; row < rows; row += kRows)
      multiply_tile(x + row * inputs, inputs, weight + column * inputs,
                    out + row * width + column, width);
}

}  // namespace

extern "C" int rows_multiple() { return kRows; }
extern "C" int columns_multiple() { return kColumns; }

// gates: of the input, with its bias. weight: recurrent, [H, 3H] in panels.
extern "C" void gru_forward(int threads, long batch, long steps, long hidden, const float* gates,
                            const float* weight, const float* bias, float* states, float* saved) {
  const long plane = batch * steps * hidden;
#pragma omp parallel for num_threads(threads)
  for (int thread = 0; thread < threads; thread++) {
    const auto [first, rows] = share<kRows>(batch, threads, thread);
    std::vector<float> last(rows * hidden, 0.0f), products(rows * 3 * hidden);
    for (int row = 0; row < rows; row++)
      std::copy_n(states + (first + row) * (steps + 1) * hidden, hidden, &last[row * hidden]);
    for (long t = 0; t < steps; t++) {
      multiply(last.data(), rows, hidden, weight, 3 * hidden, products.data());
      for (int row = 0; row < rows; row++) {
        const long at = ((first + row) * steps + t) * hidden;
        const float *g = gates + 3 * at, *p = &products[row * 3 * hidden];
        float *h = &last[row * hidden], *r = saved + at, *z = r + plane, *n = z + plane;
        float* q = n + plane;
        float* state = states + ((first + row) * (steps + 1) + t + 1) * hidden;
#pragma omp simd
        for (long j = 0; j < hidden; j++) {
          r[j] = sigmoid(g[j] + p[j] + bias[j]);
          z[j] = sigmoid(g[hidden + j] + p[hidden + j] + bias[hidden + j]);
          q[j] = p[2 * hidden + j] + bias[2 * hidden + j];
          n[j] = tanh_of(g[2 * hidden + j] + r[j] * q[j]);
          state[j] = h[j] = n[j] + z[j] * (h[j] - n[j]);
        }
      }
    }
  }
}

// grad: of the states after the first, [B, T, H]. weight: [3H, H] in panels. Computes the gradients
// of gates and of the recurrent products; they differ in the candidate only.
extern "C" void gru_backward(int threads, long batch, long steps, long hidden, const float* grad,
                             const float* weight, const float* states, const float* saved,
                             float* grad_gates, float* grad_products) {
  const long plane = batch * steps * hidden;
#pragma omp parallel for num_threads(threads)
  for (int thread = 0; thread < threads; thread++) {
    const auto [first, rows] = share<kRows>(batch, threads, thread);
    std::vector<float> carried(rows * hidden, 0.0f), by_weight(rows * hidden, 0.0f);
    std::vector<float> products(rows * 3 * hidden);
    for (long t = steps - 1; t >= 0; t--) {
      for (int row = 0; row < rows; row++) {
        const long at = ((first + row) * steps + t) * hidden;
        const float *r = saved + at, *z = r + plane, *n = z + plane, *q = n + plane;
        const float* before = states + ((first + row) * (steps + 1) + t) * hidden;
        float *gg = grad_gates + 3 * at, *gp = grad_products + 3 * at;
        float *c = &carried[row * hidden], *w = &by_weight[row * hidden];
        float* p = &products[row * 3 * hidden];
#pragma omp simd
        for (long j = 0; j < hidden; j++) {
          const float d = grad[at + j] + c[j] + w[j];
          const float dn = d * (1.0f - z[j]) * (1.0f - n[j] * n[j]);
          const float dr = dn * q[j] * r[j] * (1.0f - r[j]);
          const float dz = d * (before[j] - n[j]) * z[j] * (1.0f - z[j]);
          gg[j] = gp[j] = p[j] = dr;
          gg[hidden + j] = gp[hidden + j] = p[hidden + j] = dz;
          gg[2 * hidden + j] = dn;
          gp[2 * hidden + j] = p[2 * hidden + j] = dn * r[j];
          c[j] = d * z[j];
        }
      }
      multiply(products.data(), rows, 3 * hidden, weight, hidden, by_weight.data());
    }
  }
}
