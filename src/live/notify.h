/* Telling a service manager that packets are being judged, so that it can keep back what must come after (the network
 * itself, for one). See sd_notify(3). */
#ifndef LIVE_NOTIFY_H
#define LIVE_NOTIFY_H

/* Send `state` ("READY=1", "STOPPING=1") to the manager that $NOTIFY_SOCKET names. Without one nothing is done; and a
 * manager that does not listen is its own affair. */
void notify_manager(const char *state);

#endif
