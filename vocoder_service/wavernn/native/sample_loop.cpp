// The sample loop of WaveRNN: one call runs some folds through some frames, on the calling thread.
//
// Everything that does not depend on the last sample is computed at frame rate. Each sample then
// takes 9 R^2 + R F + F^2 + 512 F multiply-adds per fold. Weights are packed once, in panels that
// the inner product reads in order; nothing is allocated per sample. The order of a fold's sums
// does not depend on the other folds, so neither do its samples.
//
// The same source is compiled for several instruction sets (see setup.py).

#include "shared/native/kernels.h"

namespace {

constexpr int kMaxClasses = 2048;

// Indices of matrices and vectors, in the order of the constructor.
enum { kHidden1, kRnn2, kHidden2, kFc1, kFc2, kFc3, kMel, kAux1, kAux2, kAux3, kAux4 };
enum { kHidden1Bias, kHidden2Bias, kFc3Bias, kLast, kAux1Bias, kAux2Bias, kAux3Bias, kAux4Bias };

class SampleLoop {
 public:
  SampleLoop(const py::dict& weights, bool half) {
    auto array = [&](const char* name) { return weights[name].cast<Array>(); };
    const Array kernel = array("kernel");
    rnn_ = array("hidden1").shape(1), fc_ = array("fc1").shape(0);
    classes_ = array("fc3").shape(0);
    hop_ = kernel.shape(0), reach_ = kernel.shape(1);
    if (classes_ > kMaxClasses) throw std::invalid_argument("over 2048 classes are not supported");
    if (rnn_ % VEC || classes_ % VEC)
      throw std::invalid_argument("rnn_dims or bits that are not whole vectors are not supported");
    fc_row_ = padded(fc_, kPanel), gate_row_ = padded(3 * rnn_, kPanel);
    class_row_ = padded(classes_, kPanel), first_row_ = padded(4 * rnn_, kPanel);
#ifndef MULTIPLIES_BF16
    if (half) throw std::invalid_argument("no bfloat16 in this instruction set");
#endif
    bands_ = array("mel").shape(1), aux_ = array("aux1").shape(1);
    auto add = [&](const char* name, int outputs, int inputs, bool half) {
      const Array w = array(name);
      matrices_.emplace_back(checked(w, {outputs, inputs}, name), outputs, inputs, half);
    };
    add("hidden1", 3 * rnn_, rnn_, half);
    add("rnn2", 3 * rnn_, rnn_, half);
    add("hidden2", 3 * rnn_, rnn_, half);
    add("fc1", fc_, rnn_, half);
    add("fc2", fc_, fc_, half);
    add("fc3", classes_, fc_, half);
    // Once per frame: lower precision would save nothing.
    add("mel", 4 * rnn_, bands_, false);
    add("aux1", 4 * rnn_, aux_, false);
    add("aux2", 3 * rnn_, aux_, false);
    add("aux3", fc_, aux_, false);
    add("aux4", fc_, aux_, false);
    auto keep = [&](const char* name, int n) {
      const Array a = array(name);
      vectors_.push_back(buffer<float>(padded(n, kPanel)));
      std::copy_n(checked(a, {n}, name), n, vectors_.back().get());
    };
    keep("hidden1_bias", 3 * rnn_);
    keep("hidden2_bias", 3 * rnn_);
    keep("fc3_bias", classes_);
    keep("last", 4 * rnn_);
    keep("aux1_bias", 4 * rnn_);
    keep("aux2_bias", 3 * rnn_);
    keep("aux3_bias", fc_);
    keep("aux4_bias", fc_);
    kernel_.assign(kernel.data(), kernel.data() + kernel.size());
  }

  // Generates labels [F, T * hop] and updates h1, h2 [F, R] and last [F] in place.
  // mel [F, T + 2 pad, bands] and aux [F, T, 4 * aux] are at frame rate.
  void run(Array h1, Array h2, Array last, const Array& mel, const Array& aux,
           const Array& uniforms, const Array& inverse_temperature, Labels labels) const {
    const int folds = h1.shape(0), frames = aux.shape(1), n = frames * hop_;
    const Inputs in = inputs(mel, aux, folds, frames);
    const float* draws = checked(uniforms, {folds, n}, "uniforms");
    const float* scale = checked(inverse_temperature, {folds}, "inverse_temperature");
    const State state = checked_state(h1, h2, last, folds);
    int16_t* out = checked(labels, {folds, n}, "labels");
    py::gil_scoped_release released;
    Scratch s(*this, folds);
    for (int i = 0; i < n; i++) {
      step(in, state, s, i);
      for (int f = 0; f < folds; f++) {
        const size_t at = static_cast<size_t>(f) * n + i;
        out[at] = choose(s.p.get() + f * class_row_, scale[f], draws[at]);
        state.last[f] = level(out[at]);
      }
    }
  }

  // Logits [F, T * hop, classes] of each sample, given the true samples `labels` before it.
  void teacher_forced_logits(Array h1, Array h2, Array last, const Array& mel, const Array& aux,
                             Labels labels, Array logits) const {
    const int folds = h1.shape(0), frames = aux.shape(1), n = frames * hop_;
    const Inputs in = inputs(mel, aux, folds, frames);
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
          out[at * classes_ + c] = s.p[f * class_row_ + c] + vectors_[kFc3Bias][c];
        state.last[f] = level(given[at]);
      }
    }
  }

 private:
  struct Inputs {
    const float *mel, *aux;
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
          mel(buffer<float>(static_cast<size_t>(folds) * l.reach_ * l.first_row_)),
          a1(buffer<float>(folds * l.first_row_)), a2(buffer<float>(folds * l.gate_row_)),
          a3(buffer<float>(folds * l.fc_row_)), a4(buffer<float>(folds * l.fc_row_)),
          half(buffer<uint16_t>(folds * padded(std::max(l.rnn_, l.fc_), 2))) {}
    Buffer<float> y, c, g, i, f, e, p;
    Buffer<float> mel, a1, a2, a3, a4;  // what the frame gives to I and rnn1, rnn2, fc1, fc2
    Buffer<uint16_t> half;
  };

  Inputs inputs(const Array& mel, const Array& aux, int folds, int frames) const {
    return {checked(mel, {folds, frames + reach_ - 1, bands_}, "mel"),
            checked(aux, {folds, frames, 4 * aux_}, "aux"), folds, frames};
  }

  State checked_state(Array& h1, Array& h2, Array& last, int folds) const {
    return {checked(h1, {folds, rnn_}, "h1"), checked(h2, {folds, rnn_}, "h2"),
            checked(last, {folds}, "last")};
  }

  float level(int16_t label) const { return 2.f * label / (classes_ - 1) - 1.f; }

  // From the states and the last sample to s.p, the logits of sample i without fc3's bias.
  void step(const Inputs& in, const State& state, const Scratch& s, int i) const {
    const int folds = in.folds;
    const size_t r = rnn_;
    if (i % hop_ == 0) enter_frame(in, s, i / hop_);
    for (int f = 0; f < folds; f++) condition(s, f, i % hop_, state.last[f]);
    multiply(kHidden1, state.h1, r, s.g.get(), gate_row_, folds, s);
    for (int f = 0; f < folds; f++) {
      float* c = s.c.get() + f * 4 * r;
      gru(c + r, nullptr, s.g.get() + f * gate_row_, vectors_[kHidden1Bias].get(), state.h1 + f * r, c,
          s.y.get() + f * r);
    }
    multiply(kRnn2, s.y.get(), r, s.i.get(), gate_row_, folds, s);
    multiply(kHidden2, state.h2, r, s.g.get(), gate_row_, folds, s);
    for (int f = 0; f < folds; f++) {
      float* y = s.y.get() + f * r;
      gru(s.i.get() + f * gate_row_, s.a2.get() + f * gate_row_, s.g.get() + f * gate_row_,
          vectors_[kHidden2Bias].get(), state.h2 + f * r, y, y);
    }
    multiply(kFc1, s.y.get(), r, s.f.get(), fc_row_, folds, s);
    for (int f = 0; f < folds; f++) relu(s.f.get() + f * fc_row_, s.a3.get() + f * fc_row_);
    multiply(kFc2, s.f.get(), fc_row_, s.e.get(), fc_row_, folds, s);
    for (int f = 0; f < folds; f++) relu(s.e.get() + f * fc_row_, s.a4.get() + f * fc_row_);
    multiply(kFc3, s.e.get(), fc_row_, s.p.get(), class_row_, folds, s);
  }

  void multiply(int matrix, const float* x, int ldx, float* y, int ldy, int rows,
                const Scratch& s) const {
    matrices_[matrix].multiply(x, ldx, y, ldy, rows, s.half.get());
  }

  // What is the same for all samples of frame t.
  void enter_frame(const Inputs& in, const Scratch& s, int t) const {
    for (int f = 0; f < in.folds; f++)
      multiply(kMel, in.mel + (static_cast<size_t>(f) * (in.frames + reach_ - 1) + t) * bands_,
               bands_, s.mel.get() + static_cast<size_t>(f) * reach_ * first_row_, first_row_,
               reach_, s);
    const float* aux = in.aux + static_cast<size_t>(t) * 4 * aux_;
    auto share = [&](int matrix, int bias, int part, const Buffer<float>& out, int row) {
      multiply(matrix, aux + part * aux_, in.frames * 4 * aux_, out.get(), row, in.folds, s);
      for (int k = 0; k < in.folds * row; k++) out[k] += vectors_[bias][k % row];
    };
    share(kAux1, kAux1Bias, 0, s.a1, first_row_);
    share(kAux2, kAux2Bias, 1, s.a2, gate_row_);
    share(kAux3, kAux3Bias, 2, s.a3, fc_row_);
    share(kAux4, kAux4Bias, 3, s.a4, fc_row_);
  }

  // c = what I and rnn1 get for sample n of the frame: aux's share, the mel's, the last sample's.
  void condition(const Scratch& s, int f, int n, float last) const {
    const float* aux = s.a1.get() + static_cast<size_t>(f) * first_row_;
    const float* mel = s.mel.get() + static_cast<size_t>(f) * reach_ * first_row_;
    const float* kernel = kernel_.data() + static_cast<size_t>(n) * reach_;
    float* c = s.c.get() + static_cast<size_t>(f) * 4 * rnn_;
    for (int k = 0; k < 4 * rnn_; k += VEC) {
      Vec v = load(aux + k) + last * load(vectors_[kLast].get() + k);
      for (int j = 0; j < reach_; j++)
        v += kernel[j] * load(mel + static_cast<size_t>(j) * first_row_ + k);
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

  // The first label whose cumulative probability exceeds `uniform`.
  int16_t choose(float* p, float inverse_temperature, float uniform) const {
    Vec most = load(p) + load(vectors_[kFc3Bias].get());
    for (int i = 0; i < classes_; i += VEC) {
      const Vec logit = load(p + i) + load(vectors_[kFc3Bias].get() + i);
      store(p + i, logit);
      most = logit > most ? logit : most;
    }
    float highest = most[0];
    for (int i = 1; i < VEC; i++) highest = std::max(highest, most[i]);
    float sums[kMaxClasses / VEC], total = 0;
    for (int i = 0; i < classes_; i += VEC) {
      const Vec e = exp((load(p + i) - highest) * inverse_temperature);
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

  int rnn_, fc_, classes_, hop_, reach_, bands_, aux_;
  int fc_row_, gate_row_, class_row_, first_row_;  // floats from one fold's outputs to the next's
  std::vector<Matrix> matrices_;
  std::vector<Buffer<float>> vectors_;
  std::vector<float> kernel_;
};

}  // namespace

PYBIND11_MODULE(MODULE, m) {
  py::class_<SampleLoop>(m, "SampleLoop")
      .def(py::init<const py::dict&, bool>(), py::arg("weights"), py::arg("half"))
      // Output arrays must be the caller's memory, never a converted copy.
      .def("run", &SampleLoop::run, py::arg("h1").noconvert(), py::arg("h2").noconvert(),
           py::arg("last").noconvert(), py::arg("mel"), py::arg("aux"), py::arg("uniforms"),
           py::arg("inverse_temperature"), py::arg("labels").noconvert())
      .def("teacher_forced_logits", &SampleLoop::teacher_forced_logits,
           py::arg("h1").noconvert(), py::arg("h2").noconvert(), py::arg("last").noconvert(),
           py::arg("mel"), py::arg("aux"), py::arg("labels"), py::arg("logits").noconvert());
  m.def("supported", &supported);
}
