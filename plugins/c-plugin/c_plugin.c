/* A plugin in plain C against the C ABI: a timer, and an answer to each message.
 *
 * What the runtime links, here the timer, is this module's memory and names its owner. Unloading disarms
 * it; disarming it in plugin_destroy as well is good manners. */
#include <stdio.h>
#include <string.h>
#include <tau/rt/note.h> /* tells how this file was compiled, also where another build than tau's makes it */
#include <tau/rt/plugin.h>
#include <tau/rt/timer.h>

enum { first_tick_ns = 10 * 1000 * 1000 };

static tau_plugin* me;
static tau_timer timer;

static void say(const char* text) { tau_log(me, TAU_LOG_PLAIN, text, strlen(text)); }

static void on_tick(tau_timer* self) {
  (void)self;
  say("tick");
}

int32_t plugin_init(tau_plugin* self) {
  int32_t status;
  char line[64];
  me = self;
  snprintf(line, sizeof line, "init in C, plugin_id=%llu", (unsigned long long)tau_plugin_id(me));
  say(line);

  timer.fire = on_tick;
  timer.owner = me;
  status = tau_sleep(&timer, first_tick_ns);
  if (status < 0) {
    static const char why[] = "the timer could not be armed";
    tau_plugin_set_error(me, why, sizeof why - 1);
  }
  return status;
}

void plugin_destroy(tau_plugin* self) {
  (void)self;
  tau_sleep_cancel(&timer);
  say("destroyed");
}

/* Answers with the payload itself. */
void plugin_request(tau_plugin* self, tau_request* request) {
  size_t length = 0;
  const char* payload = tau_request_payload(request, &length);
  (void)self;
  say("request");
  tau_request_end(request, TAU_OK, payload, length);
}
