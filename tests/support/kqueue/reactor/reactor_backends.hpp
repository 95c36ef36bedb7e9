// Takes the place of the generated header where the host's reactor is built over the emulated kqueue.
#pragma once

#define TAU_REACTOR_BACKENDS(X) X(kqueue)
#define TAU_REACTOR_PREFERRED "auto"
#define TAU_KQUEUE_PRIORITY EV_OOBAND
