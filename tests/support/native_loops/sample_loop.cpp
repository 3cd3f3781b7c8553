// WaveRNN's sample loop as a program: ARRAYS half|float -> teacher-forced logits, as floats.
// Without arguments, prints the CPU's instruction sets.

#include "vocoder_service/wavernn/native/sample_loop.cpp"

#include "arrays.h"

int main(int count, char** arguments) {
  if (count < 3) {
    for (const std::string& name : supported()) std::cout << name << "\n";
    return 0;
  }
  Arrays a(arguments[1]);
  const FloatArray given = a["in_labels"];
  std::vector<int16_t> labels(given.data(), given.data() + given.size());
  const SampleLoop loop(a.weights, std::string(arguments[2]) == "half");
  loop.teacher_forced_logits(a["in_h1"], a["in_h2"], a["in_last"], a["in_mel"], a["in_aux"],
                             Labels({given.shape(0), given.shape(1)}, labels.data()), a["in_logits"]);
  a.write(std::cout, "in_logits");
}
