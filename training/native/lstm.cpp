// An LSTM over whole sequences, forward and backward, for training on a CPU.
//
// Recurrent products are in bfloat16 (AVX512-BF16), everything else in float32. Each thread owns
// some rows of the batch and runs them through all steps alone. Arrays are contiguous: gates
// [T, B, 4H] in torch's order (input, forget, candidate, output); states and cells [T + 1, B, H],
// the first given by the caller. H is a multiple of kColumns, B of kRows.

#include "bf16_products.h"

extern "C" int rows_multiple() { return kRows; }
extern "C" int columns_multiple() { return kColumns; }

// gates: of the input, with both biases; overwritten by their activations. weight: recurrent,
// [H, 4H] in panels.
extern "C" void lstm_forward(int threads, long batch, long steps, long hidden, float* gates,
                             const uint32_t* weight, float* states, float* cells) {
#pragma omp parallel for num_threads(threads)
  for (int thread = 0; thread < threads; thread++) {
    const auto [first, rows] = share<kRows>(batch, threads, thread);
    std::vector<uint32_t> last(rows * hidden / 2);
    std::vector<float> products(rows * 4 * hidden);
    for (long t = 0; t < steps; t++) {
      const long now = (t * batch + first) * hidden, next = now + batch * hidden;
      to_pairs(states + now, rows * hidden, last.data());
      multiply(last.data(), rows, hidden / 2, weight, 4 * hidden, products.data());
      for (int row = 0; row < rows; row++) {
        const long at = now + row * hidden;
        float *i = gates + 4 * at, *f = i + hidden, *g = f + hidden, *o = g + hidden;
        const float *p = &products[row * 4 * hidden], *before = cells + at;
        float *cell = cells + next + row * hidden, *state = states + next + row * hidden;
#pragma omp simd
        for (long j = 0; j < hidden; j++) {
          i[j] = sigmoid(i[j] + p[j]);
          f[j] = sigmoid(f[j] + p[hidden + j]);
          g[j] = tanh_of(g[j] + p[2 * hidden + j]);
          o[j] = sigmoid(o[j] + p[3 * hidden + j]);
          cell[j] = f[j] * before[j] + i[j] * g[j];
          state[j] = o[j] * tanh_of(cell[j]);
        }
      }
    }
  }
}

// grad: of the states after the first, [T, B, H]. weight: [4H, H] in panels. gates: activations;
// overwritten by their gradients.
extern "C" void lstm_backward(int threads, long batch, long steps, long hidden, const float* grad,
                              const uint32_t* weight, const float* cells, float* gates) {
#pragma omp parallel for num_threads(threads)
  for (int thread = 0; thread < threads; thread++) {
    const auto [first, rows] = share<kRows>(batch, threads, thread);
    std::vector<float> of_cell(rows * hidden, 0.0f), of_state(rows * hidden, 0.0f);
    std::vector<uint32_t> pairs(rows * 2 * hidden);
    for (long t = steps - 1; t >= 0; t--) {
      const long now = (t * batch + first) * hidden;
      for (int row = 0; row < rows; row++) {
        const long at = now + row * hidden;
        float *i = gates + 4 * at, *f = i + hidden, *g = f + hidden, *o = g + hidden;
        const float *before = cells + at, *cell = before + batch * hidden, *d = grad + at;
        float *c = &of_cell[row * hidden], *s = &of_state[row * hidden];
#pragma omp simd
        for (long j = 0; j < hidden; j++) {
          const float dh = d[j] + s[j], level = tanh_of(cell[j]);
          const float dc = c[j] + dh * o[j] * (1.0f - level * level);
          const float di = dc * g[j] * i[j] * (1.0f - i[j]);
          const float df = dc * before[j] * f[j] * (1.0f - f[j]);
          const float dg = dc * i[j] * (1.0f - g[j] * g[j]);
          c[j] = dc * f[j];
          o[j] = dh * level * o[j] * (1.0f - o[j]);
          i[j] = di;
          f[j] = df;
          g[j] = dg;
        }
      }
      if (t == 0) break;
      to_pairs(gates + 4 * now, rows * 4 * hidden, pairs.data());
      multiply(pairs.data(), rows, 2 * hidden, weight, hidden, of_state.data());
    }
  }
}
