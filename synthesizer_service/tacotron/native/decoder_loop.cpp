// Tacotron's decoder for one utterance: each step reads the last frame of the previous step.
//
// A call runs several steps on the calling thread, without Python and without allocating per step.
// Weights are packed once. The residual LSTMs, the layer before them and the attention GRU's input
// hold nine tenths of the weights that a step reads and may be stored in bfloat16. The location
// convolution and its projection are one product (attention.py).
//
// setup.py compiles this source for several instruction sets.

#include "shared/native/kernels.h"

namespace {

constexpr int kReach = 15;  // characters on either side that the location convolution sees
constexpr int kWindow = 2 * kReach + 1;

// Indices of the matrices, in the order in which the constructor packs them.
enum { kPrenet1, kPrenet2, kGruInput, kGruHidden, kQuery, kInput, kLstm1, kLstm2, kMel, kStop };

class DecoderLoop {
 public:
  // weights: functions by name that return an array, called one after the other while packing.
  DecoderLoop(const py::dict& weights, bool half) {
    auto array = [&](const std::string& name) { return weights[name.c_str()]().cast<Array>(); };
    attention_ = array("query").shape(1), lstm_ = array("input").shape(0);
    prenet_ = array("prenet2").shape(0), bands_ = array("prenet1").shape(1);
    mel_ = array("mel").shape(0), context_ = array("input").shape(1) - attention_;
    if (attention_ % VEC || lstm_ % VEC)
      throw std::invalid_argument("decoder_dims and lstm_dims must be multiples of the vector length");
    auto add = [&](const char* name, int outputs, int inputs, bool half, bool biased) {
      const Array w = array(name);
      matrices_.emplace_back(checked(w, {outputs, inputs}, name), outputs, inputs, half);
      biases_.push_back(buffer<float>(padded(outputs, kPanel)));
      if (!biased) return;
      const Array b = array(std::string(name) + "_bias");
      std::copy_n(checked(b, {outputs}, name), outputs, biases_.back().get());
    };
    add("prenet1", prenet_, bands_, false, true);
    add("prenet2", prenet_, prenet_, false, true);
    add("gru_input", 3 * attention_, context_ + prenet_, half, true);
    add("gru_hidden", 3 * attention_, attention_, false, true);
    add("query", attention_, attention_, false, false);
    add("input", lstm_, context_ + attention_, half, true);
    add("lstm1", 4 * lstm_, 2 * lstm_, half, true);
    add("lstm2", 4 * lstm_, 2 * lstm_, half, true);
    add("mel", mel_, lstm_, false, false);
    add("stop", 1, lstm_ + context_, false, true);
    const Array location = array("location"), energy = array("energy");
    location_ = copied(checked(location, {kWindow, attention_}, "location"), kWindow * attention_);
    energy_ = copied(checked(energy, {attention_}, "energy"), attention_);
  }

  // Runs up to S steps. Stops after the first step, from index `believed` on, with a stop token.
  // Returns the number of steps and whether a stop token ended them.
  //
  // keys [L, dims], values [L, E]: the attention's memory. kept [S, 2, prenet]: the prenet's dropout
  // as factors. frame [bands], hidden [dims], context [E], attended [L] and lstm [4, H] (h and c of
  // both) are the state, updated in place. mel [S, r * bands] and attention [S, L] are outputs.
  py::tuple run(const Array& keys, const Array& values, const Array& kept, Array frame,
                Array hidden, Array context, Array attended, Array lstm, Array mel,
                Array attention, int believed) const {
    const int length = keys.shape(0), steps = kept.shape(0);
    const Memory memory = {checked(keys, {length, attention_}, "keys"),
                           checked(values, {length, context_}, "values"), length};
    const float* drop = checked(kept, {steps, 2, prenet_}, "kept");
    const State state = {checked(frame, {bands_}, "frame"), checked(hidden, {attention_}, "hidden"),
                         checked(context, {context_}, "context"),
                         checked(attended, {length}, "attended"), checked(lstm, {4, lstm_}, "lstm")};
    float* frames = checked(mel, {steps, mel_}, "mel");
    float* weights = checked(attention, {steps, length}, "attention");
    int made = 0;
    bool stopped = false;
    {
      py::gil_scoped_release released;
      const Scratch s(*this, length);
      for (; made < steps && !stopped; made++) {
        const size_t t = made;
        const float stop = step(memory, state, s, drop + t * 2 * prenet_, frames + t * mel_,
                                weights + t * length);
        stopped = made >= believed && stop > 0;  // a probability above one half
      }
    }
    return py::make_tuple(made, stopped);
  }

 private:
  struct Memory {
    const float *keys, *values;
    int length;
  };
  struct State {
    float *frame, *hidden, *context, *attended, *lstm;
  };
  struct Scratch {
    Scratch(const DecoderLoop& d, int length)
        : first(buffer<float>(padded(d.prenet_, kPanel))),
          second(buffer<float>(padded(d.prenet_, kPanel))),
          query(buffer<float>(padded(d.attention_, kPanel))),
          joined(buffer<float>(d.context_ + d.prenet_ + d.attention_ + 2 * d.lstm_)),
          gates(buffer<float>(padded(std::max(4 * d.lstm_, 3 * d.attention_), kPanel))),
          hidden(buffer<float>(padded(3 * d.attention_, kPanel))),
          x(buffer<float>(padded(d.lstm_, kPanel))), mel(buffer<float>(padded(d.mel_, kPanel))),
          around(buffer<float>(length + 2 * kReach)) {}
    Buffer<float> first, second;  // the prenet's layers
    Buffer<float> query, joined, gates, hidden, x, mel;
    Buffer<float> around;  // the sums of attention, with nothing before and after them
  };

  // One step. Returns the stop token's logit.
  float step(const Memory& memory, const State& state, const Scratch& s, const float* drop,
             float* mel, float* attention) const {
    float *joined = s.joined.get(), *x = s.x.get();
    prenet(kPrenet1, state.frame, drop, s.first.get());
    prenet(kPrenet2, s.first.get(), drop + prenet_, s.second.get());
    join(joined, state.context, context_, s.second.get(), prenet_);
    gru(joined, state.hidden, s);
    attend(memory, state, s, attention);
    join(joined, state.context, context_, state.hidden, attention_);
    multiply(kInput, joined, x);
    residual_lstm(kLstm1, x, state.lstm, s);
    residual_lstm(kLstm2, x, state.lstm + 2 * lstm_, s);
    multiply(kMel, x, s.mel.get());
    std::copy_n(s.mel.get(), mel_, mel);
    std::copy_n(mel + mel_ - bands_, bands_, state.frame);
    join(joined, x, lstm_, state.context, context_);
    multiply(kStop, joined, s.gates.get());
    return s.gates[0];
  }

  void multiply(int matrix, const float* x, float* y) const {
    const int outputs = matrices_[matrix].outputs();
    matrices_[matrix].multiply(x, 0, y, 0, 1, nullptr);
    for (int k = 0; k < padded(outputs, VEC); k += VEC)
      store(y + k, load(y + k) + load(biases_[matrix].get() + k));
  }

  static void join(float* out, const float* first, int n, const float* second, int m) {
    std::copy_n(first, n, out);
    std::copy_n(second, m, out + n);
  }

  void prenet(int matrix, const float* x, const float* drop, float* out) const {
    multiply(matrix, x, out);
    for (int k = 0; k < prenet_; k++) out[k] = std::max(0.f, out[k]) * drop[k];
  }

  void gru(const float* input, float* h, const Scratch& s) const {
    const int d = attention_;
    float *i = s.gates.get(), *g = s.hidden.get();
    multiply(kGruInput, input, i);
    multiply(kGruHidden, h, g);
    for (int k = 0; k < d; k += VEC) {
      const Vec reset = sigmoid(load(i + k) + load(g + k));
      const Vec keep = sigmoid(load(i + d + k) + load(g + d + k));
      const Vec fresh = tanh(load(i + 2 * d + k) + reset * load(g + 2 * d + k));
      store(h + k, fresh + keep * (load(h + k) - fresh));
    }
  }

  // Updates state.context, and adds the attention to state.attended.
  void attend(const Memory& memory, const State& state, const Scratch& s, float* attention) const {
    const int length = memory.length;
    multiply(kQuery, state.hidden, s.query.get());
    std::copy_n(state.attended, length, s.around.get() + kReach);
    float highest = -INFINITY, total = 0;
    for (int l = 0; l < length; l++) {
      attention[l] = energy(memory.keys + static_cast<size_t>(l) * attention_, s.query.get(),
                            s.around.get() + l);
      highest = std::max(highest, attention[l]);
    }
    for (int l = 0; l < length; l++) total += attention[l] = std::exp(attention[l] - highest);
    std::fill_n(state.context, context_, 0.f);
    for (int l = 0; l < length; l++) {
      state.attended[l] += attention[l] /= total;
      const float* value = memory.values + static_cast<size_t>(l) * context_;
      for (int k = 0; k < context_; k++) state.context[k] += attention[l] * value[k];
    }
  }

  // v . tanh(key + query + location), where location is a product of the 31 sums of attention around
  float energy(const float* key, const float* query, const float* around) const {
    Vec total = {};
    for (int k = 0; k < attention_; k += VEC) {
      Vec term = load(key + k) + load(query + k);
      for (int j = 0; j < kWindow; j++) term += around[j] * load(location_.get() + j * attention_ + k);
      total += load(energy_.get() + k) * tanh(term);
    }
    return sum(total);
  }

  // Adds the LSTM's output to x. state: h, then c.
  void residual_lstm(int matrix, float* x, float* state, const Scratch& s) const {
    const int n = lstm_;
    float *gates = s.gates.get(), *c = state + n;
    join(s.joined.get(), x, n, state, n);
    multiply(matrix, s.joined.get(), gates);
    for (int k = 0; k < n; k += VEC) {
      const Vec in = sigmoid(load(gates + k)), forget = sigmoid(load(gates + n + k));
      const Vec fresh = tanh(load(gates + 2 * n + k)), out = sigmoid(load(gates + 3 * n + k));
      const Vec cell = forget * load(c + k) + in * fresh;
      const Vec h = out * tanh(cell);
      store(c + k, cell);
      store(state + k, h);
      store(x + k, load(x + k) + h);
    }
  }

  int attention_, context_, lstm_, prenet_, bands_, mel_;
  std::vector<Matrix> matrices_;
  std::vector<Buffer<float>> biases_;
  Buffer<float> location_, energy_;
};

}  // namespace

PYBIND11_MODULE(MODULE, m) {
  py::class_<DecoderLoop>(m, "DecoderLoop")
      .def(py::init<const py::dict&, bool>(), py::arg("weights"), py::arg("half"))
      // noconvert: outputs must be the caller's own memory, never a converted copy.
      .def("run", &DecoderLoop::run, py::arg("keys"), py::arg("values"), py::arg("kept"),
           py::arg("frame").noconvert(), py::arg("hidden").noconvert(),
           py::arg("context").noconvert(), py::arg("attended").noconvert(),
           py::arg("lstm").noconvert(), py::arg("mel").noconvert(),
           py::arg("attention").noconvert(), py::arg("believed"));
  m.def("supported", &supported);
}
