// The part of pybind11 that the native loops use, without Python: a loop compiles against it into a
// program of its own, which an emulator can run. Arrays live in memory, and modules are ignored.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <vector>

#define PYBIND11_MODULE(name, m) inline void define_module(pybind11::module_& m)

namespace pybind11 {

using ssize_t = std::ptrdiff_t;

class array {
 public:
  enum { c_style };
  array() = default;
  explicit array(std::vector<ssize_t> shape) : shape_(shape) {}
  ssize_t ndim() const { return static_cast<ssize_t>(shape_.size()); }
  ssize_t shape(size_t i) const { return shape_.at(i); }
  ssize_t size() const {
    ssize_t n = 1;
    for (ssize_t each : shape_) n *= each;
    return n;
  }

 private:
  std::vector<ssize_t> shape_;
};

template <class T, int Style>
class array_t : public array {
 public:
  array_t(std::vector<ssize_t> shape, T* data) : array(shape), data_(data) {}
  const T* data() const { return data_; }
  T* mutable_data() { return data_; }

 private:
  T* data_;
};

// A weight of the dictionary: an array, or a function that returns it.
struct object {
  array_t<float, array::c_style> value;
  object operator()() const { return *this; }
  template <class T>
  T cast() const { return value; }
};

struct dict {
  std::map<std::string, object> items;
  const object& operator[](const char* name) const { return items.at(name); }
};

struct tuple {
  int first;
  bool second;
};
inline tuple make_tuple(int first, bool second) { return {first, second}; }

struct gil_scoped_release {
  gil_scoped_release() {}
};
struct arg {
  explicit arg(const char*) {}
  arg& noconvert() { return *this; }
};
template <class... Arguments>
struct init {};
struct module_ {
  template <class... Ignored>
  void def(Ignored...) {}
};
template <class T>
struct class_ {
  class_(module_&, const char*) {}
  template <class... Ignored>
  class_& def(Ignored...) { return *this; }
};

}  // namespace pybind11
