// The row kernels without vector instructions of their own: the reference, and what other processors run.

#include "kernels/lanes_scalar.h"

namespace kitsink {
using namespace lanes_scalar;
}

#include "kernels/row_kernels-inl.h"

namespace kitsink {

const RowKernels& ScalarRowKernels() { return kRowKernels; }

}  // namespace kitsink
