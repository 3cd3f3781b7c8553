// The sample loop of WaveRNN: one call runs some folds through some frames, on the calling thread.
//
// Everything that does not depend on the last sample comes in at frame rate. What is left for a
// sample is 9 R^2 + R F + F^2 + 512 F multiply-adds a fold. Weights are packed once, in panels that
// the inner product reads in order; nothing is allocated for a sample. Every fold's numbers are
// added up in the same order whatever folds run beside it, so its samples do not depend on them.
//
// The same source is compiled for several instruction sets (see setup.py); VEC is what differs.

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
#else
#define VEC 4
#define ROWS 4
#define COLS 2
#endif

namespace py = pybind11;

namespace {

constexpr int kPanel = VEC * COLS;  // outputs that one panel of packed weights makes

typedef float Vec __attribute__((vector_size(VEC * 4)));
typedef int32_t VecInt __attribute__((vector_size(VEC * 4)));
typedef float Unaligned __attribute__((vector_size(VEC * 4), aligned(4)));

inline Vec load(const float* p) { return *reinterpret_cast<const Unaligned*>(p); }
inline void store(float* p, Vec v) { *reinterpret_cast<Unaligned*>(p) = v; }
inline Vec all(float x) { return x - Vec{}; }

// Cephes' expf: 2e-7 relative error; arguments are held to where the result is a normal number.
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

// A row of activations may be held in bfloat16, two to a word, for the products to read.
inline uint16_t to_bf16(float x) {
  uint32_t bits;
  std::memcpy(&bits, &x, 4);
  return static_cast<uint16_t>((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
}

// A weight matrix [outputs, inputs] in panels: [outputs / kPanel][inputs][kPanel], in bfloat16 with
// two inputs side by side: [outputs / kPanel][inputs / 2][kPanel][2].
class Matrix {
 public:
  Matrix(const float* w, int outputs, int inputs, int stride, bool half)
      : inputs_(inputs), panels_(padded(outputs, kPanel) / kPanel), half_(half) {
    const size_t n = static_cast<size_t>(panels_) * padded(inputs, 2) * kPanel;
    if (half) half_weights_ = buffer<uint16_t>(n);
    else weights_ = buffer<float>(n);
    for (int o = 0; o < outputs; o++)
      for (int i = 0; i < inputs; i++) {
        const float x = w[static_cast<size_t>(o) * stride + i];
        const size_t panel = static_cast<size_t>(o / kPanel) * padded(inputs, 2) * kPanel;
        const int column = o % kPanel;
        if (half) half_weights_[panel + (i / 2) * 2 * kPanel + column * 2 + i % 2] = to_bf16(x);
        else weights_[panel + static_cast<size_t>(i) * kPanel + column] = x;
      }
  }

  // y[row] = W x[row] for `rows` rows; y rows are `ldy` apart and hold whole panels.
  void multiply(const float* x, int ldx, float* y, int ldy, int rows, uint16_t* scratch) const {
    if (half_) narrow(x, ldx, rows, scratch);
    for (int p = 0; p < panels_; p++)
      for (int done = 0, left = rows; left > 0;) {
        const int blocks = (left + ROWS - 1) / ROWS, n = (left + blocks - 1) / blocks;
        run(n, p, x + static_cast<size_t>(done) * ldx, ldx,
            scratch + static_cast<size_t>(done) * padded(inputs_, 2),
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
#ifdef __AVX512BF16__
    if (half_) {
      const uint16_t* w = half_weights_.get() + panel;
      const int pairs = padded(inputs_, 2) / 2;
      for (int k = 0; k < pairs; k++, w += 2 * kPanel) {
        __m512bh columns[COLS];
        for (int c = 0; c < COLS; c++) columns[c] = (__m512bh)_mm512_load_si512(w + c * 2 * VEC);
        for (int r = 0; r < N; r++) {
          int pair;
          std::memcpy(&pair, xh + static_cast<size_t>(r) * 2 * pairs + 2 * k, 4);
          const __m512bh both = (__m512bh)_mm512_set1_epi32(pair);
          for (int c = 0; c < COLS; c++)
            sums[r][c] = (Vec)_mm512_dpbf16_ps((__m512)sums[r][c], columns[c], both);
        }
      }
    } else
#endif
    {
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

  int inputs_, panels_;
  bool half_;
  Buffer<float> weights_;
  Buffer<uint16_t> half_weights_;
};

enum { kHidden1, kRnn2, kHidden2, kFc1, kFc2, kFc3 };  // in the order they are packed

class SampleLoop {
 public:
  SampleLoop(const py::dict& weights, bool half) {
    auto array = [&](const char* name) { return weights[name].cast<Array>(); };
    const Array u1 = array("hidden1"), u2 = array("hidden2"), w2 = array("rnn2");
    const Array f1 = array("fc1"), f2 = array("fc2"), f3 = array("fc3"), kernel = array("kernel");
    rnn_ = u1.shape(1), fc_ = f1.shape(0), classes_ = f3.shape(0);
    hop_ = kernel.shape(0), reach_ = kernel.shape(1);
    if (rnn_ % VEC || classes_ % VEC)
      throw std::invalid_argument("rnn_dims or bits that are no whole vectors are not supported");
    fc_row_ = padded(fc_, kPanel), gate_row_ = padded(3 * rnn_, kPanel);
    class_row_ = padded(classes_, kPanel);
#ifndef __AVX512BF16__
    if (half) throw std::invalid_argument("no bfloat16 in this instruction set");
#endif
    auto matrix = [&](const Array& w, int outputs, int inputs, const char* name) {
      return Matrix(checked(w, {outputs, inputs}, name), outputs, inputs, inputs, half);
    };
    matrices_.push_back(matrix(u1, 3 * rnn_, rnn_, "hidden1"));
    matrices_.push_back(matrix(w2, 3 * rnn_, rnn_, "rnn2"));
    matrices_.push_back(matrix(u2, 3 * rnn_, rnn_, "hidden2"));
    matrices_.push_back(matrix(f1, fc_, rnn_, "fc1"));
    matrices_.push_back(matrix(f2, fc_, fc_, "fc2"));
    matrices_.push_back(matrix(f3, classes_, fc_, "fc3"));
    b1_ = copy(array("hidden1_bias"), 3 * rnn_, "hidden1_bias");
    b2_ = copy(array("hidden2_bias"), 3 * rnn_, "hidden2_bias");
    b3_ = copy(array("fc3_bias"), classes_, "fc3_bias");
    level_ = copy(array("last"), 4 * rnn_, "last");
    kernel_.assign(kernel.data(), kernel.data() + kernel.size());
  }

  // Makes labels [F, T * hop]; h1, h2 [F, R] and last [F] are brought up to date.
  void run(Array h1, Array h2, Array last, const Array& mel, const Array& a1, const Array& a2,
           const Array& a3, const Array& a4, const Array& uniforms, const Array& sharpness,
           Labels labels) const {
    const int folds = h1.shape(0), frames = a1.shape(1), n = frames * hop_;
    const Inputs in = inputs(mel, a1, a2, a3, a4, folds, frames);
    const float* draws = checked(uniforms, {folds, n}, "uniforms");
    const float* sharp = checked(sharpness, {folds}, "sharpness");
    const State state = checked_state(h1, h2, last, folds);
    int16_t* out = checked(labels, {folds, n}, "labels");
    py::gil_scoped_release released;
    Scratch s(*this, folds);
    for (int i = 0; i < n; i++) {
      step(in, state, s, i);
      for (int f = 0; f < folds; f++) {
        const size_t at = static_cast<size_t>(f) * n + i;
        out[at] = choose(s.p.get() + f * class_row_, sharp[f], draws[at]);
        state.last[f] = level(out[at]);
      }
    }
  }

  // The logits [F, T * hop, classes] of each sample, when those before it are `labels`.
  void teach(Array h1, Array h2, Array last, const Array& mel, const Array& a1, const Array& a2,
             const Array& a3, const Array& a4, Labels labels, Array logits) const {
    const int folds = h1.shape(0), frames = a1.shape(1), n = frames * hop_;
    const Inputs in = inputs(mel, a1, a2, a3, a4, folds, frames);
    const State state = checked_state(h1, h2, last, folds);
    const int16_t* given = checked(labels, {folds, n}, "labels");
    float* out = checked(logits, {folds, n, classes_}, "logits");
    py::gil_scoped_release released;
    Scratch s(*this, folds);
    for (int i = 0; i < n; i++) {
      step(in, state, s, i);
      for (int f = 0; f < folds; f++) {
        const size_t at = static_cast<size_t>(f) * n + i;
        for (int c = 0; c < classes_; c++)
          out[at * classes_ + c] = s.p[f * class_row_ + c] + b3_[c];
        state.last[f] = level(given[at]);
      }
    }
  }

 private:
  struct Inputs {
    const float *mel, *a1, *a2, *a3, *a4;
    int folds, frames;
  };
  struct State {
    float *h1, *h2, *last;
  };
  struct Scratch {
    Scratch(const SampleLoop& l, int folds)
        : y(buffer<float>(folds * l.rnn_)), c(buffer<float>(folds * 4 * l.rnn_)),
          g(buffer<float>(folds * l.gate_row_)), i(buffer<float>(folds * l.gate_row_)),
          f(buffer<float>(folds * l.fc_row_)), e(buffer<float>(folds * l.fc_row_)),
          p(buffer<float>(folds * l.class_row_)),
          half(buffer<uint16_t>(folds * padded(std::max(l.rnn_, l.fc_), 2))) {}
    Buffer<float> y, c, g, i, f, e, p;
    Buffer<uint16_t> half;
  };

  Inputs inputs(const Array& mel, const Array& a1, const Array& a2, const Array& a3,
                const Array& a4, int folds, int frames) const {
    return {checked(mel, {folds, frames + reach_ - 1, 4 * rnn_}, "mel"),
            checked(a1, {folds, frames, 4 * rnn_}, "a1"),
            checked(a2, {folds, frames, 3 * rnn_}, "a2"),
            checked(a3, {folds, frames, fc_}, "a3"),
            checked(a4, {folds, frames, fc_}, "a4"),
            folds,
            frames};
  }

  State checked_state(Array& h1, Array& h2, Array& last, int folds) const {
    return {checked(h1, {folds, rnn_}, "h1"), checked(h2, {folds, rnn_}, "h2"),
            checked(last, {folds}, "last")};
  }

  float level(int16_t label) const { return 2.f * label / (classes_ - 1) - 1.f; }

  // From the states and the last sample to s.p, the logits of sample i without fc3's bias.
  void step(const Inputs& in, const State& state, const Scratch& s, int i) const {
    const int t = i / hop_, folds = in.folds;
    const size_t r = rnn_;
    auto frame = [&](int f) { return static_cast<size_t>(f) * in.frames + t; };
    for (int f = 0; f < folds; f++) condition(in, s, f, i, state.last[f]);
    multiply(kHidden1, state.h1, r, s.g, gate_row_, folds, s);
    for (int f = 0; f < folds; f++) {
      float* c = s.c.get() + f * 4 * r;
      gru(c + r, nullptr, s.g.get() + f * gate_row_, b1_.get(), state.h1 + f * r, c,
          s.y.get() + f * r);
    }
    multiply(kRnn2, s.y.get(), r, s.i, gate_row_, folds, s);
    multiply(kHidden2, state.h2, r, s.g, gate_row_, folds, s);
    for (int f = 0; f < folds; f++) {
      float* y = s.y.get() + f * r;
      gru(s.i.get() + f * gate_row_, in.a2 + frame(f) * 3 * r, s.g.get() + f * gate_row_,
          b2_.get(), state.h2 + f * r, y, y);
    }
    multiply(kFc1, s.y.get(), r, s.f, fc_row_, folds, s);
    for (int f = 0; f < folds; f++) relu(s.f.get() + f * fc_row_, in.a3 + frame(f) * fc_);
    multiply(kFc2, s.f.get(), fc_row_, s.e, fc_row_, folds, s);
    for (int f = 0; f < folds; f++) relu(s.e.get() + f * fc_row_, in.a4 + frame(f) * fc_);
    multiply(kFc3, s.e.get(), fc_row_, s.p, class_row_, folds, s);
  }

  void multiply(int matrix, const float* x, int ldx, const Buffer<float>& y, int ldy, int folds,
                const Scratch& s) const {
    matrices_[matrix].multiply(x, ldx, y.get(), ldy, folds, s.half.get());
  }

  // c = what I and rnn1 get for sample i: a1, the mel's share, and the last sample's.
  void condition(const Inputs& in, const Scratch& s, int f, int i, float last) const {
    const int t = i / hop_;
    const size_t row = 4 * rnn_;
    const float* a1 = in.a1 + (static_cast<size_t>(f) * in.frames + t) * row;
    const float* mel = in.mel + (static_cast<size_t>(f) * (in.frames + reach_ - 1) + t) * row;
    const float* kernel = kernel_.data() + static_cast<size_t>(i % hop_) * reach_;
    float* c = s.c.get() + f * row;
    for (size_t k = 0; k < row; k += VEC) {
      Vec v = load(a1 + k) + last * load(level_.get() + k);
      for (int j = 0; j < reach_; j++) v += kernel[j] * load(mel + j * row + k);
      store(c + k, v);
    }
  }

  // h = GRU(input gates i + a, hidden gates g + b); out = in + h.
  void gru(const float* i, const float* a, const float* g, const float* b, float* h,
           const float* in, float* out) const {
    const int r = rnn_;
    auto input = [&](int j) { return a ? load(i + j) + load(a + j) : load(i + j); };
    auto hidden = [&](int j) { return load(g + j) + load(b + j); };
    for (int j = 0; j < r; j += VEC) {
      const Vec reset = sigmoid(input(j) + hidden(j));
      const Vec keep = sigmoid(input(r + j) + hidden(r + j));
      const Vec fresh = tanh(input(2 * r + j) + reset * hidden(2 * r + j));
      const Vec now = fresh + keep * (load(h + j) - fresh);
      store(h + j, now);
      store(out + j, load(in + j) + now);
    }
  }

  void relu(float* y, const float* a) const {
    for (int j = 0; j < fc_; j++) y[j] = std::max(0.f, y[j] + a[j]);
  }

  // The first label whose share of the probability, with all before it, passes `uniform`.
  int16_t choose(float* p, float sharpness, float uniform) const {
    Vec most = load(p) + load(b3_.get());
    for (int i = 0; i < classes_; i += VEC) {
      const Vec logit = load(p + i) + load(b3_.get() + i);
      store(p + i, logit);
      most = logit > most ? logit : most;
    }
    float highest = most[0];
    for (int i = 1; i < VEC; i++) highest = std::max(highest, most[i]);
    float sums[2048 / VEC], total = 0;
    for (int i = 0; i < classes_; i += VEC) {
      const Vec e = exp((load(p + i) - highest) * sharpness);
      store(p + i, e);
      total += sums[i / VEC] = sum(e);
    }
    const float threshold = uniform * total;
    float passed = 0;
    int i = 0;
    for (; i < classes_ - VEC && passed + sums[i / VEC] <= threshold; i += VEC)
      passed += sums[i / VEC];
    const int last = i + VEC - 1;
    for (; i < last && (passed += p[i]) <= threshold; i++) {
    }
    return static_cast<int16_t>(i);
  }

  static Buffer<float> copy(const Array& a, int n, const char* name) {
    auto to = buffer<float>(padded(n, kPanel));
    std::copy_n(checked(a, {n}, name), n, to.get());
    return to;
  }

  int rnn_, fc_, classes_, hop_, reach_, fc_row_, gate_row_, class_row_;
  std::vector<Matrix> matrices_;
  Buffer<float> b1_, b2_, b3_, level_;
  std::vector<float> kernel_;
};

std::vector<std::string> supported() {
  std::vector<std::string> names = {"portable"};
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) names.push_back("avx2");
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl")) {
    names.push_back("avx512");
    if (__builtin_cpu_supports("avx512bf16")) names.push_back("bfloat16");
  }
#endif
  return names;
}

}  // namespace

PYBIND11_MODULE(MODULE, m) {
  py::class_<SampleLoop>(m, "SampleLoop")
      .def(py::init<const py::dict&, bool>(), py::arg("weights"), py::arg("half"))
      .def("run", &SampleLoop::run)
      .def("teach", &SampleLoop::teach);
  m.def("supported", &supported);
}
