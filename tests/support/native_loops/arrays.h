// Named float arrays between a test and a loop's program: a line "name dimensions..." and the floats.
#pragma once

#include <fstream>
#include <iostream>
#include <sstream>

#include "pybind11/pybind11.h"

namespace {

using FloatArray = pybind11::array_t<float, pybind11::array::c_style>;

class Arrays {
 public:
  explicit Arrays(const char* path) {
    std::ifstream file(path, std::ios::binary);
    for (std::string line; std::getline(file, line);) {
      std::istringstream head(line);
      std::string name;
      head >> name;
      std::vector<pybind11::ssize_t> shape;
      for (pybind11::ssize_t n; head >> n;) shape.push_back(n);
      const pybind11::array counted(shape);
      std::vector<float>& data = memory_[name];
      data.resize(counted.size());
      file.read(reinterpret_cast<char*>(data.data()), data.size() * sizeof(float));
      weights.items.insert({name, {FloatArray(shape, data.data())}});
    }
  }

  FloatArray operator[](const char* name) { return weights[name].value; }

  void write(std::ostream& out, const char* name) {
    const std::vector<float>& data = memory_.at(name);
    out.write(reinterpret_cast<const char*>(data.data()), data.size() * sizeof(float));
  }

  pybind11::dict weights;

 private:
  std::map<std::string, std::vector<float>> memory_;
};

}  // namespace
