// The plane kernels without vector instructions of their own: the reference, and what other processors run.

#include "kernels/lanes_scalar.h"

namespace kitsink {
using namespace lanes_scalar;
}

#include "kernels/plane_kernels-inl.h"

namespace kitsink {

const PlaneKernels& ScalarPlaneKernels() { return kPlaneKernels; }

}  // namespace kitsink
