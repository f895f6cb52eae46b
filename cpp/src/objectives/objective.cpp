/// The family's part of the registry.
#include "nncore/objective.hpp"

#include "core/factories.hpp"

namespace nncore {

template void add_factory(const char*, Factory<Objective>);
template std::unique_ptr<Objective> make(const Spec&);

}  // namespace nncore
