// Code shared by the native loops: float vectors with exp, sigmoid and tanh, aligned buffers, checked
// NumPy arrays, and weight matrices packed for multiplication.
//
// Compiled for several instruction sets (setup.py), which differ in VEC. The anonymous namespace
// keeps the copies of different modules apart.
#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <memory>
#include <new>
#include <stdexcept>
#include <string>
#include <vector>

#if defined(__AVX512F__)
#include <immintrin.h>
#define VEC 16
#define ROWS 6
#define COLS 4
#elif defined(__AVX2__)
#define VEC 8
#define ROWS 6
#define COLS 2
#elif defined(__aarch64__)  // NEON, which every such CPU has
#define VEC 4
#define ROWS 6
#define COLS 4
#else
#define VEC 4
#define ROWS 4
#define COLS 2
#endif

#ifdef __ARM_FEATURE_BF16_VECTOR_ARITHMETIC
#include <arm_neon.h>
#endif
#if defined(__aarch64__) && defined(__linux__)
#include <sys/auxv.h>
#elif defined(__aarch64__) && defined(__APPLE__)
#include <sys/sysctl.h>
#endif

namespace py = pybind11;

namespace {

constexpr int kPanel = VEC * COLS;  // outputs per panel of packed weights

typedef float Vec __attribute__((vector_size(VEC * 4)));
typedef int32_t VecInt __attribute__((vector_size(VEC * 4)));
typedef float Unaligned __attribute__((vector_size(VEC * 4), aligned(4)));

inline Vec load(const float* p) { return *reinterpret_cast<const Unaligned*>(p); }
inline void store(float* p, Vec v) { *reinterpret_cast<Unaligned*>(p) = v; }
inline Vec all(float x) { return x - Vec{}; }

// Cephes' expf, relative error 2e-7. Arguments are clamped to keep the result a normal number.
inline Vec exp(Vec x) {
  x = x < -87.f ? all(-87.f) : x;
  x = x > 88.f ? all(88.f) : x;
  const Vec shifted = x * 1.44269504088896341f + 12582912.f;  // 1.5 * 2^23: rounds to an integer
  const Vec n = shifted - 12582912.f;
  const Vec r = x - n * 0.693359375f + n * 2.12194440e-4f;
  Vec p = r * 1.9875691500e-4f + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * r * r + r + 1.f;
  const VecInt power = (__builtin_convertvector(n, VecInt) + 127) << 23;
  return p * (Vec)power;  // the bits of a power of two
}
inline Vec sigmoid(Vec x) { return 1.f / (1.f + exp(-x)); }
inline Vec tanh(Vec x) { return 1.f - 2.f / (1.f + exp(2.f * x)); }

inline float sum(Vec v) {
  float total = 0;
  for (int i = 0; i < VEC; i++) total += v[i];
  return total;
}

int padded(int n, int to) { return (n + to - 1) / to * to; }

struct Free {
  void operator()(void* p) const { ::operator delete[](p, std::align_val_t(64)); }
};
template <class T>
using Buffer = std::unique_ptr<T[], Free>;
template <class T>
Buffer<T> buffer(size_t n) {
  auto p = static_cast<T*>(::operator new[](n * sizeof(T), std::align_val_t(64)));
  std::memset(static_cast<void*>(p), 0, n * sizeof(T));
  return Buffer<T>(p);
}

inline Buffer<float> copied(const float* from, size_t n) {
  Buffer<float> to = buffer<float>(n);
  std::copy_n(from, n, to.get());
  return to;
}

using Array = py::array_t<float, py::array::c_style>;
using Labels = py::array_t<int16_t, py::array::c_style>;

void check(const py::array& a, std::vector<py::ssize_t> shape, const char* name) {
  bool same = a.ndim() == static_cast<py::ssize_t>(shape.size());
  for (size_t i = 0; same && i < shape.size(); i++) same = a.shape(i) == shape[i];
  if (!same) throw std::invalid_argument(std::string(name) + " has another shape");
}
const float* checked(const Array& a, std::vector<py::ssize_t> shape, const char* name) {
  check(a, shape, name);
  return a.data();
}
template <class T>
T* checked(py::array_t<T, py::array::c_style>& a, std::vector<py::ssize_t> shape,
           const char* name) {
  check(a, shape, name);
  return a.mutable_data();
}

// Rounds to bfloat16, to nearest even. Products read two values per 32-bit word.
inline uint16_t to_bf16(float x) {
  uint32_t bits;
  std::memcpy(&bits, &x, 4);
  return static_cast<uint16_t>((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
}

// The CPU's product of bfloat16 pairs: each float of `sum` gains a[2i] b[2i] + a[2i+1] b[2i+1].
#if defined(__AVX512BF16__)
#define MULTIPLIES_BF16
typedef __m512bh Halves;
inline Halves load_halves(const uint16_t* p) { return (__m512bh)_mm512_load_si512(p); }
inline Halves all_pairs(uint32_t pair) { return (__m512bh)_mm512_set1_epi32(pair); }
inline Vec add_products(Vec sum, Halves a, Halves b) {
  return (Vec)_mm512_dpbf16_ps((__m512)sum, a, b);
}
#elif defined(__ARM_FEATURE_BF16_VECTOR_ARITHMETIC)
#define MULTIPLIES_BF16
typedef bfloat16x8_t Halves;
inline Halves load_halves(const uint16_t* p) { return vreinterpretq_bf16_u16(vld1q_u16(p)); }
inline Halves all_pairs(uint32_t pair) { return vreinterpretq_bf16_u32(vdupq_n_u32(pair)); }
inline Vec add_products(Vec sum, Halves a, Halves b) {
  return (Vec)vbfdotq_f32((float32x4_t)sum, a, b);
}
#endif

// A weight matrix [outputs, inputs] packed as panels [outputs / kPanel][inputs][kPanel]; in bfloat16
// with two inputs interleaved, [outputs / kPanel][inputs / 2][kPanel][2].
class Matrix {
 public:
  Matrix(const float* w, int outputs, int inputs, bool half)
      : outputs_(outputs), inputs_(inputs), panels_(padded(outputs, kPanel) / kPanel), half_(half) {
    const size_t n = static_cast<size_t>(panels_) * padded(inputs, 2) * kPanel;
    if (half) half_weights_ = buffer<uint16_t>(n);
    else weights_ = buffer<float>(n);
    for (int o = 0; o < outputs; o++)
      for (int i = 0; i < inputs; i++) {
        const float x = w[static_cast<size_t>(o) * inputs + i];
        const size_t panel = static_cast<size_t>(o / kPanel) * padded(inputs, 2) * kPanel;
        const int column = o % kPanel;
        if (half) half_weights_[panel + (i / 2) * 2 * kPanel + column * 2 + i % 2] = to_bf16(x);
        else weights_[panel + static_cast<size_t>(i) * kPanel + column] = x;
      }
  }

  int outputs() const { return outputs_; }

  // y[row] = W x[row] for `rows` rows. Rows of y are `ldy` apart and hold whole panels.
  // scratch: buffer for x in bfloat16; if null, x is read as float32.
  void multiply(const float* x, int ldx, float* y, int ldy, int rows, uint16_t* scratch) const {
    if (half_ && scratch) narrow(x, ldx, rows, scratch);
    for (int p = 0; p < panels_; p++)
      for (int done = 0, left = rows; left > 0;) {
        const int blocks = (left + ROWS - 1) / ROWS, n = (left + blocks - 1) / blocks;
        run(n, p, x + static_cast<size_t>(done) * ldx, ldx,
            half_ && scratch ? scratch + static_cast<size_t>(done) * padded(inputs_, 2) : nullptr,
            y + static_cast<size_t>(done) * ldy + p * kPanel, ldy);
        done += n, left -= n;
      }
  }

 private:
  void run(int n, int p, const float* x, int ldx, const uint16_t* xh, float* y, int ldy) const {
    switch (n) {
      case 1: return block<1>(p, x, ldx, xh, y, ldy);
      case 2: return block<2>(p, x, ldx, xh, y, ldy);
      case 3: return block<3>(p, x, ldx, xh, y, ldy);
      case 4: return block<4>(p, x, ldx, xh, y, ldy);
#if ROWS > 4
      case 5: return block<5>(p, x, ldx, xh, y, ldy);
      case 6: return block<6>(p, x, ldx, xh, y, ldy);
#endif
    }
  }

  template <int N>
  void block(int p, const float* x, int ldx, const uint16_t* xh, float* y, int ldy) const {
    Vec sums[N][COLS] = {};
    const size_t panel = static_cast<size_t>(p) * padded(inputs_, 2) * kPanel;
#ifdef MULTIPLIES_BF16
    if (xh) {
      const uint16_t* w = half_weights_.get() + panel;
      const int pairs = padded(inputs_, 2) / 2;
      for (int k = 0; k < pairs; k++, w += 2 * kPanel) {
        Halves columns[COLS];
        for (int c = 0; c < COLS; c++) columns[c] = load_halves(w + c * 2 * VEC);
        for (int r = 0; r < N; r++) {
          uint32_t pair;
          std::memcpy(&pair, xh + static_cast<size_t>(r) * 2 * pairs + 2 * k, 4);
          const Halves both = all_pairs(pair);
          for (int c = 0; c < COLS; c++) sums[r][c] = add_products(sums[r][c], columns[c], both);
        }
      }
    } else
#endif
    if (half_) {
      const uint16_t* w = half_weights_.get() + panel;
      for (int k = 0; k < inputs_; k += 2, w += 2 * kPanel)
        for (int r = 0; r < N; r++) {
          const float* both = x + static_cast<size_t>(r) * ldx + k;
          const float second = k + 1 < inputs_ ? both[1] : 0;
          for (int c = 0; c < COLS; c++) {
            VecInt pair;
            std::memcpy(&pair, w + c * 2 * VEC, sizeof pair);
            sums[r][c] += (Vec)(pair << 16) * both[0];
            sums[r][c] += (Vec)(pair & (int32_t)0xffff0000) * second;
          }
        }
    } else {
      const float* w = weights_.get() + panel;
      for (int k = 0; k < inputs_; k++, w += kPanel)
        for (int r = 0; r < N; r++) {
          const float value = x[static_cast<size_t>(r) * ldx + k];
          for (int c = 0; c < COLS; c++)
            sums[r][c] += *reinterpret_cast<const Vec*>(w + c * VEC) * value;
        }
    }
    for (int r = 0; r < N; r++)
      for (int c = 0; c < COLS; c++) store(y + static_cast<size_t>(r) * ldy + c * VEC, sums[r][c]);
  }

  void narrow(const float* x, int ldx, int rows, uint16_t* out) const {
    const int ld = padded(inputs_, 2);
    for (int r = 0; r < rows; r++)
      for (int k = 0; k < inputs_; k++)
        out[static_cast<size_t>(r) * ld + k] = to_bf16(x[static_cast<size_t>(r) * ldx + k]);
  }

  int outputs_, inputs_, panels_;
  bool half_;
  Buffer<float> weights_;
  Buffer<uint16_t> half_weights_;
};

// The instruction sets of this CPU.
std::vector<std::string> supported() {
  std::vector<std::string> names;
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) names.push_back("avx2");
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl")) {
    names.push_back("avx512");
    if (__builtin_cpu_supports("avx512bf16")) names.push_back("bfloat16");
  }
#elif defined(__aarch64__)
  names.push_back("neon");
#if defined(__linux__)
  const bool half = getauxval(AT_HWCAP2) & (1 << 14);  // HWCAP2_BF16
#elif defined(__APPLE__)
  int half = 0;
  size_t size = sizeof half;
  if (sysctlbyname("hw.optional.arm.FEAT_BF16", &half, &size, nullptr, 0)) half = 0;
#else
  const bool half = false;
#endif
  if (half) names.insert(names.end(), {"neon_bf16", "bfloat16"});
#endif
  names.push_back("portable");
  return names;
}

}  // namespace
