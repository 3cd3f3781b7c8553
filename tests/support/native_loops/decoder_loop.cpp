// Tacotron's decoder loop as a program: ARRAYS half|float -> mel and attention, as floats.

#include "synthesizer_service/tacotron/native/decoder_loop.cpp"

#include "arrays.h"

int main(int, char** arguments) {
  Arrays a(arguments[1]);
  const DecoderLoop loop(a.weights, std::string(arguments[2]) == "half");
  loop.run(a["in_keys"], a["in_values"], a["in_kept"], a["in_frame"], a["in_hidden"], a["in_context"], a["in_attended"],
           a["in_lstm"], a["in_mel"], a["in_attention"], 1 << 30);
  a.write(std::cout, "in_mel");
  a.write(std::cout, "in_attention");
}
