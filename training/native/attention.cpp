// The decoder's attention RNN and location-sensitive attention over all steps, forward and
// backward, for training on a CPU. ../synthesizer/attention_loop.py computes what lies outside the loop.
//
// Each thread owns some utterances and runs them through all steps alone. Arrays are float32 and
// contiguous, with T steps, B utterances, L characters, D dimensions, C of an encoded character:
// inputs [T, B, 3D], values [B, L, C], keys [B, L, D], lengths [B]; hidden [T + 1, B, D], contexts
// [T + 1, B, C] and attended [T + 1, B, L] (the attention so far), each beginning with zeros;
// attention [T, B, L]. Saved for backward: gates [T, B, 3D], recurrent [T, B, D] (the candidate's
// recurrent part) and, in bfloat16, terms [T, B, L, D] (of the energies, after the sigmoid). B is a
// multiple of kRows, D and C of kColumns. Weights are in the layout of `multiply`.

#include "bf16_products.h"

namespace {

constexpr int kKernel = 31, kReach = kKernel / 2, kPairs = (kKernel + 1) / 2;

typedef uint16_t Half;

inline __m512 widened(const Half* from) {
  const __m512i bits = _mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i*)from));
  return _mm512_castsi512_ps(_mm512_slli_epi32(bits, 16));
}

inline void narrow(Half* to, __m512 values) {
  _mm256_storeu_si256((__m256i*)to, (__m256i)_mm512_cvtneps_pbh(values));
}

// A bfloat16 and its right neighbour, broadcast to all lanes.
inline __m512bh pair_at(const Half* from) {
  int32_t pair;
  std::memcpy(&pair, from, sizeof pair);
  return (__m512bh)_mm512_set1_epi32(pair);
}

// Copies attended to bfloat16 [kReach + L + kReach + 1], with zeros at both ends.
void pad(const float* attended, int length, Half* to) {
  std::fill_n(to, length + 2 * kReach + 2, Half(0));
  for (int l = 0; l < length; l++) {
    const __m128bh narrowed = _mm_cvtneps_pbh(_mm_set_ss(attended[l]));
    to[kReach + l] = (Half)_mm_extract_epi16((__m128i)narrowed, 0);
  }
}

// Energies of one utterance, and terms [length, dims] = sigmoid(2 (keys + query + convolution of
// attended)). location: the filters, [dims / 16, kPairs, 16] pairs of kernel positions.
void energies(const Half* padded, int length, int dims, const float* keys, const float* query,
              const uint32_t* location, const float* v, Half* terms, float* energy) {
  std::fill_n(energy, length, 0.0f);
  alignas(64) float sums[4][kLanes];
  for (int column = 0; column < dims; column += kLanes) {
    const uint32_t* filters = location + column * kPairs;
    const __m512 of_query = _mm512_loadu_ps(query + column);
    for (int l = 0; l < length; l += 4) {
      const int count = std::min(4, length - l);
      __m512 sum[4];
      for (int i = 0; i < 4; i++)
        sum[i] = _mm512_add_ps(of_query, _mm512_loadu_ps(keys + std::min(l + i, length - 1) * dims + column));
#pragma GCC unroll 16
      for (int k = 0; k < kPairs; k++) {
        const __m512bh filter = (__m512bh)_mm512_loadu_si512(filters + k * kLanes);
#pragma GCC unroll 4
        for (int i = 0; i < 4; i++)
          sum[i] = _mm512_dpbf16_ps(sum[i], pair_at(padded + l + i + 2 * k), filter);
      }
      for (int i = 0; i < 4; i++) _mm512_store_ps(sums[i], sum[i]);
      float* flat = sums[0];
#pragma omp simd
      for (int j = 0; j < 4 * kLanes; j++) flat[j] = sigmoid(2.0f * flat[j]);
      for (int i = 0; i < count; i++) {
        const __m512 term = _mm512_load_ps(sums[i]);
        narrow(terms + (l + i) * dims + column, term);
        energy[l + i] += _mm512_reduce_add_ps(_mm512_mul_ps(term, _mm512_loadu_ps(v + column)));
      }
    }
  }
}

void softmax(float* energy, int length) {
  float maximum = energy[0], sum = 0.0f;
  for (int l = 1; l < length; l++) maximum = std::max(maximum, energy[l]);
#pragma omp simd reduction(+ : sum)
  for (int l = 0; l < length; l++) sum += energy[l] = std::exp(energy[l] - maximum);
  for (int l = 0; l < length; l++) energy[l] /= sum;
}

// d_location [kKernel, dims] += windows of attended^T d_terms. interleaved: d_terms as pairs of
// neighbouring characters, [pairs, dims].
void add_location(const Half* padded, int length, int dims, const uint32_t* interleaved,
                  float* d_location) {
  for (int column = 0; column < dims; column += kLanes)
    for (int first = 0; first < kKernel; first += 16) {
      const int count = std::min(16, kKernel - first);
      __m512 sums[16];
      for (int k = 0; k < 16; k++) sums[k] = _mm512_setzero_ps();
      for (int l = 0; l < length; l += 2) {
        const __m512bh pair = (__m512bh)_mm512_loadu_si512(interleaved + l / 2 * dims + column);
#pragma GCC unroll 16
        for (int k = 0; k < 16; k++)
          sums[k] = _mm512_dpbf16_ps(sums[k], pair_at(padded + l + first + k), pair);
      }
      for (int k = 0; k < count; k++) {
        float* to = d_location + (first + k) * dims + column;
        _mm512_storeu_ps(to, _mm512_add_ps(_mm512_loadu_ps(to), sums[k]));
      }
    }
}

}  // namespace

extern "C" int rows_multiple() { return kRows; }
extern "C" int columns_multiple() { return kColumns; }

// read: the weight of the contexts. weight, bias: recurrent. v: twice the layer's.
extern "C" void attention_forward(int threads, long batch, long steps, long length, long dims,
                                  long characters, const float* inputs, const float* values,
                                  const float* keys, const long* lengths, const uint32_t* read,
                                  const uint32_t* weight, const float* bias, const uint32_t* query,
                                  const uint32_t* location, const float* v, float* hidden,
                                  float* contexts, float* attended, float* attention, float* gates,
                                  float* recurrent, Half* terms) {
#pragma omp parallel for num_threads(threads)
  for (int thread = 0; thread < threads; thread++) {
    const auto [first, rows] = share<kRows>(batch, threads, thread);
    std::vector<uint32_t> pairs(rows * std::max(dims, characters) / 2);
    std::vector<float> of_context(rows * 3 * dims), state(rows * 3 * dims);
    std::vector<float> queries(rows * dims);
    std::vector<Half> padded(length + 2 * kReach + 8);
    for (long t = 0; t < steps; t++) {
      const long now = t * batch + first, next = now + batch;  // rows
      to_pairs(contexts + now * characters, rows * characters, pairs.data());
      multiply(pairs.data(), rows, characters / 2, read, 3 * dims, of_context.data());
      to_pairs(hidden + now * dims, rows * dims, pairs.data());
      multiply(pairs.data(), rows, dims / 2, weight, 3 * dims, state.data());
      for (int row = 0; row < rows; row++) {
        const long at = (now + row) * dims;
        const float *in = inputs + 3 * at, *g = &of_context[row * 3 * dims];
        const float* s = &state[row * 3 * dims];
        const float* before = hidden + at;
        float *r = gates + 3 * at, *z = r + dims, *n = z + dims, *q = recurrent + at;
        float* after = hidden + (next + row) * dims;
#pragma omp simd
        for (long j = 0; j < dims; j++) {
          r[j] = sigmoid(in[j] + g[j] + s[j] + bias[j]);
          z[j] = sigmoid(in[dims + j] + g[dims + j] + s[dims + j] + bias[dims + j]);
          q[j] = s[2 * dims + j] + bias[2 * dims + j];
          n[j] = tanh_of(in[2 * dims + j] + g[2 * dims + j] + r[j] * q[j]);
          after[j] = n[j] + z[j] * (before[j] - n[j]);
        }
      }
      to_pairs(hidden + next * dims, rows * dims, pairs.data());
      multiply(pairs.data(), rows, dims / 2, query, dims, queries.data());
      for (int row = 0; row < rows; row++) {
        const long b = first + row, at = (now + row) * length;
        const int used = lengths[b];
        float* weights = attention + at;
        std::fill_n(weights, length, 0.0f);
        pad(attended + at, length, padded.data());
        energies(padded.data(), used, dims, keys + b * length * dims, &queries[row * dims], location,
                 v, terms + at * dims, weights);
        softmax(weights, used);
        float *sum = attended + (next + row) * length, *context = contexts + (next + row) * characters;
        for (int l = 0; l < length; l++) sum[l] = attended[at + l] + weights[l];
        std::fill_n(context, characters, 0.0f);
        for (int l = 0; l < used; l++) {
          const float* value = values + (b * length + l) * characters;
#pragma omp simd
          for (long c = 0; c < characters; c++) context[c] += weights[l] * value[c];
        }
      }
    }
  }
}

// d_contexts [T, B, C]: gradients of the contexts; those of later steps are added. read, weight,
// query, to_windows: transposed; query and to_windows include the factor 4v, which the caller still
// has to apply to d_keys, d_queries and d_locations. d_locations: [threads, 31, D]; d_vs:
// [threads, D].
extern "C" void attention_backward(int threads, long batch, long steps, long length, long dims,
                                   long characters, const float* values, const long* lengths,
                                   const uint32_t* read, const uint32_t* weight,
                                   const uint32_t* query, const uint32_t* to_windows,
                                   const float* hidden, const float* attended,
                                   const float* attention, const float* gates,
                                   const float* recurrent, const Half* terms, float* d_contexts,
                                   const float* d_hiddens, const float* d_attention,
                                   float* d_inputs, float* d_recurrent, float* d_queries,
                                   float* d_keys, float* d_locations, float* d_vs) {
  const long even = (length + kRows - 1) / kRows * kRows;
  alignas(64) uint16_t order[2 * kLanes];
  for (int i = 0; i < kLanes; i++) order[2 * i] = i, order[2 * i + 1] = kLanes + i;
  const __m512i interleave = _mm512_load_si512(order);
#pragma omp parallel for num_threads(threads)
  for (int thread = 0; thread < threads; thread++) {
    const auto [first, rows] = share<kRows>(batch, threads, thread);
    float *d_location = d_locations + thread * kKernel * dims, *d_v = d_vs + thread * dims;
    std::vector<float> carried(rows * dims, 0.0f), product(rows * std::max(dims, characters));
    std::vector<float> d_attended(rows * (length + 2 * kReach + 2), 0.0f), d_energy(length + 1);
    std::vector<uint32_t> pairs(rows * 3 * dims / 2);
    std::vector<uint32_t> d_terms(even * dims / 2, 0), interleaved((even / 2) * dims, 0);
    std::vector<float> d_windows(even * kColumns);
    std::vector<Half> padded(length + 2 * kReach + 8);
    const long wide = length + 2 * kReach + 2;
    for (long t = steps - 1; t >= 0; t--) {
      const long now = t * batch + first;
      for (int row = 0; row < rows; row++) {
        const long b = first + row, at = (now + row) * length;
        const int used = lengths[b];
        const float *d_context = d_contexts + (now + row) * characters, *weights = attention + at;
        float *onward = &d_attended[row * wide], mean = 0.0f;
        for (int l = 0; l < used; l++) {
          const float* value = values + (b * length + l) * characters;
          float sum = d_attention[at + l] + onward[kReach + l];
#pragma omp simd reduction(+ : sum)
          for (long c = 0; c < characters; c++) sum += value[c] * d_context[c];
          d_energy[l] = sum;
          mean += sum * weights[l];
        }
        for (int l = 0; l < used; l++) d_energy[l] = weights[l] * (d_energy[l] - mean);
        d_energy[used] = 0.0f;
        float* d_query = d_queries + (now + row) * dims;
        for (int column = 0; column < dims; column += kLanes) {
          __m512 of_query = _mm512_setzero_ps(), of_v = _mm512_loadu_ps(d_v + column);
          for (int l = 0; l < used; l += 2) {
            __m512 both[2] = {};
            for (int i = 0; i < 2 && l + i < used; i++) {
              const __m512 energy = _mm512_set1_ps(d_energy[l + i]);
              const __m512 term = widened(terms + (at + l + i) * dims + column);
              const __m512 part = _mm512_mul_ps(energy, term);
              const __m512 d = _mm512_fnmadd_ps(part, term, part);  // energy * term * (1 - term)
              float* key = d_keys + (b * length + l + i) * dims + column;
              _mm512_storeu_ps(key, _mm512_add_ps(_mm512_loadu_ps(key), d));
              of_query = _mm512_add_ps(of_query, d);
              of_v = _mm512_add_ps(of_v, part);
              both[i] = d;
              narrow((Half*)d_terms.data() + (l + i) * dims + column, d);
            }
            const __m512i joined = (__m512i)_mm512_cvtne2ps_pbh(both[1], both[0]);
            _mm512_storeu_si512(&interleaved[l / 2 * dims + column],
                                _mm512_permutexvar_epi16(interleave, joined));
          }
          _mm512_storeu_ps(d_query + column, of_query);
          _mm512_storeu_ps(d_v + column, of_v);
        }
        pad(attended + at, length, padded.data());
        add_location(padded.data(), used, dims, interleaved.data(), d_location);
        multiply(d_terms.data(), (used + kRows - 1) / kRows * kRows, dims / 2, to_windows, kColumns,
                 d_windows.data());
        for (int l = 0; l < used; l++)  // the last of kColumns is empty
          for (int k = 0; k < kColumns; k++) onward[l + k] += d_windows[l * kColumns + k];
      }
      to_pairs(d_queries + now * dims, rows * dims, pairs.data());
      multiply(pairs.data(), rows, dims / 2, query, dims, product.data());
      for (int row = 0; row < rows; row++) {
        const long at = (now + row) * dims;
        const float *r = gates + 3 * at, *z = r + dims, *n = z + dims, *q = recurrent + at;
        const float *before = hidden + at, *from = d_hiddens + at, *p = &product[row * dims];
        float *in = d_inputs + 3 * at, *rec = d_recurrent + 3 * at, *c = &carried[row * dims];
#pragma omp simd
        for (long j = 0; j < dims; j++) {
          const float d = from[j] + c[j] + p[j];
          const float dn = d * (1.0f - z[j]) * (1.0f - n[j] * n[j]);
          in[j] = rec[j] = dn * q[j] * r[j] * (1.0f - r[j]);
          in[dims + j] = rec[dims + j] = d * (before[j] - n[j]) * z[j] * (1.0f - z[j]);
          in[2 * dims + j] = dn;
          rec[2 * dims + j] = dn * r[j];
          c[j] = d * z[j];
        }
      }
      if (t == 0) break;
      to_pairs(d_recurrent + now * 3 * dims, rows * 3 * dims, pairs.data());
      multiply(pairs.data(), rows, 3 * dims / 2, weight, dims, product.data());
      for (long j = 0; j < rows * dims; j++) carried[j] += product[j];
      to_pairs(d_inputs + now * 3 * dims, rows * 3 * dims, pairs.data());
      multiply(pairs.data(), rows, 3 * dims / 2, read, characters, product.data());
      float* before = d_contexts + (now - batch) * characters;
      for (long j = 0; j < rows * characters; j++) before[j] += product[j];
    }
  }
}
