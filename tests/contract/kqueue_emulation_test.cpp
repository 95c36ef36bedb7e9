#include "reactor_rig.hpp"
