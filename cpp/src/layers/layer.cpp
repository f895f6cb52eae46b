/// The family's part of the registry.
#include "nncore/layer.hpp"

#include "core/factories.hpp"

namespace nncore {

template void add_factory(const char*, Factory<Layer<float>>);
template void add_factory(const char*, Factory<Layer<double>>);
template std::unique_ptr<Layer<float>> make(const Spec&);
template std::unique_ptr<Layer<double>> make(const Spec&);

}  // namespace nncore
